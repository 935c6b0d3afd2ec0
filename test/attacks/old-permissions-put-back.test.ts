import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { PermissionSnapshot } from '../../protocol/permissions.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { until } from '../harness/until.ts'

const workflows = { 'atmosphere_stage/clouds': 'graph: t\ntasks: { t: { script: "true" } }\n' }

test('old permissions put back get a new version: it never decreases, restarts included', async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  const published = join(site.layout.siteFeed, 'permissions.json')
  const version = async () => (JSON.parse(await readFile(published, 'utf8')) as PermissionSnapshot).version
  const siteFile = join(site.dir, 'site.yaml')
  const old = await readFile(siteFile, 'utf8')
  const stolen = await readFile(published, 'utf8')

  assert.equal(await version(), 1)
  await writeFile(siteFile, 'permissions: { read: [everyone] }\n')
  await until(async () => (await version()) === 2)
  await writeFile(siteFile, old)
  await until(async () => (await version()) === 3)
  await writeFile(published, stolen)
  await site.restart()
  assert.equal(await version(), 3)
})
