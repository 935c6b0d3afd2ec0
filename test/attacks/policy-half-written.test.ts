import assert from 'node:assert/strict'
import { open, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { decide } from '../../policy/decide.ts'
import type { PermissionSnapshot } from '../../protocol/permissions.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { until } from '../harness/until.ts'

const workflows = { 'atmosphere_stage/clouds': 'graph: t\ntasks: { t: { script: "true" } }\n' }
const policy = 'permissions: { read: [everyone], write: [everyone] }\n'

const mayWrite = (snapshot: PermissionSnapshot) =>
  decide(snapshot, {
    who: { kind: 'person', name: 'jacintar', groups: [] },
    action: 'reload',
    account: 'atmosphere_stage',
    workflow: 'clouds',
  }).allowed

test('a site file caught between its rights and its limits is not believed', async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  const siteFile = join(site.dir, 'site.yaml')
  const published = join(site.layout.siteFeed, 'permissions.json')
  const snapshot = async () => JSON.parse(await readFile(published, 'utf8')) as PermissionSnapshot
  const before = (await snapshot()).version

  const file = await open(siteFile, 'w')
  await file.write(policy)
  // Long enough for the watcher to have looked, shorter than a file takes to settle.
  await pause(80)
  await file.write('limits: { write: [user:mel] }\n')
  await file.close()

  await until(async () => (await snapshot()).version > before)
  const found = await snapshot()
  assert.equal(found.version, before + 1, 'nothing was in force in between')
  assert.equal(mayWrite(found), false)
})

test('an account file that is replaced, broken, or broken at the start never widens what it said', async (t) => {
  const accountFile = (dir: string) => join(dir, 'definitions/atmosphere_stage/account.yaml')
  const site = await startDaemon(t, {
    workflows,
    autoplay: false,
    before: async ({ dir }) => {
      await writeFile(join(dir, 'site.yaml'), policy)
      await writeFile(accountFile(dir), 'permissions: { write: [user:mel] }\n')
    },
  })
  const file = accountFile(site.dir)
  const published = join(site.layout.siteFeed, 'permissions.json')
  const snapshot = async () => JSON.parse(await readFile(published, 'utf8')) as PermissionSnapshot
  assert.equal(mayWrite(await snapshot()), false)

  await rename(file, `${file}~`)
  await pause(80)
  await writeFile(file, 'permissions: { wirte: [everyone] }\n')
  await site.restart()
  assert.equal(mayWrite(await snapshot()), false, 'what cannot be read at the start lets nobody in')
  await writeFile(file, 'permissions: { write: [user:jacintar] }\n')
  await until(async () => mayWrite(await snapshot()))
})
