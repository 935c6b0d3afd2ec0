/** Row 46: a right that was taken away is put back with the old file, at the daemon or at the hub; a daemon that is silent. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { PermissionSnapshot } from '../../protocol/permissions.ts'
import { codeOf } from '../harness/code-of.ts'
import { permissions, startTestHub } from '../harness/hub.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { layer } from '../harness/site-feed.ts'
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

test('a hub that was shown newer permissions takes no older ones, and none for now that nobody confirms', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  await h.raise(browser)
  const { csrf } = await h.session(browser)
  const hold = () =>
    browser.change(
      'POST',
      '/api/accounts/atmosphere_stage/actions/hold',
      { workflow: 'clouds', args: {} },
      csrf,
    )
  const old = permissions({ version: 1 })
  assert.equal((await hold()).status, 202)
  await h.permissions(permissions({ version: 2, site: layer({ read: ['everyone'], execute: [] }) }))
  await until(async () => (await hold()).status === 403)
  await h.permissions({ ...old, at: Date.now() })
  await until(() => h.logged().includes('older permission snapshot'))
  assert.equal(codeOf(await hold()), 'permission.denied')
  await h.permissions(permissions({ version: 3 }))
  await until(async () => (await hold()).status === 202)

  h.shift(61_000)
  assert.equal(codeOf(await hold()), 'permission.stale')
  assert.equal((await browser.ask('GET', '/api/accounts')).status, 200, 'looking goes on')
  await h.permissions(permissions({ version: 4, at: Date.now() + 61_000 }))
  await until(async () => (await hold()).status === 202)
})
