/** A mount that falls away, a directory that cannot be listed, a text that its reader chokes on. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { decide } from '../../policy/decide.ts'
import type { PermissionSnapshot } from '../../protocol/permissions.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { until } from '../harness/until.ts'

const text = 'graph: t\ntasks: { t: { script: "true" } }\n'
const workflows = { 'atmosphere_stage/clouds': text, 'oceans_stage/waves': text }

test('an account whose definitions are away keeps what they said, and holds up no lock of anybody', async (t) => {
  const site = await startDaemon(t, {
    workflows,
    autoplay: false,
    before: ({ dir }) =>
      writeFile(
        join(dir, 'definitions/oceans_stage/account.yaml'),
        'permissions: { read: ["user:owner"] }\n',
      ),
  })
  const snapshot = async () =>
    JSON.parse(await readFile(join(site.layout.siteFeed, 'permissions.json'), 'utf8')) as PermissionSnapshot
  const maySee = async (name: string, account: string) =>
    decide(await snapshot(), {
      who: { kind: 'person', name, groups: [] },
      action: 'view',
      account,
      workflow: account === 'oceans_stage' ? 'waves' : 'clouds',
    }).allowed
  const siteFile = join(site.dir, 'site.yaml')
  const policy = await readFile(siteFile, 'utf8')
  const definitions = join(site.dir, 'definitions')
  assert.equal(await maySee('mel', 'oceans_stage'), false)

  // Not a directory any more, as a broken mount is.
  await rename(join(definitions, 'oceans_stage'), join(site.dir, 'away'))
  await writeFile(join(definitions, 'oceans_stage'), '')
  await writeFile(siteFile, `${policy}locks: { persons: [jacintar] }\n`)
  await until(async () => !(await maySee('jacintar', 'atmosphere_stage')))
  assert.equal(await maySee('mel', 'atmosphere_stage'), true)
  assert.equal(await maySee('mel', 'oceans_stage'), false, 'its layer stays')

  await site.restart()
  assert.equal(await maySee('mel', 'oceans_stage'), false, 'and where it never was known, nobody is let in')
  assert.equal(await maySee('mel', 'atmosphere_stage'), true)
})

test('a duration that no calendar has is that workflow’s trouble alone, also at the next start', async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  const feed = join(site.layout.siteFeed, 'permissions.json')
  for (const [name, content] of Object.entries({
    offset: `schedule: { start: 20260101T0000Z, recurrence: PT6H }\ngraph: 'a[-P999999Y] => a'\ntasks: { a: { script: "true" } }\n`,
    recurrence: `schedule: { start: 20260101T0000Z, recurrence: P999999Y }\n${text}`,
    limit: 'graph: t\ntasks: { t: { script: "true", timeLimit: P999999999D } }\n',
  })) {
    await mkdir(join(site.dir, 'definitions/oceans_stage', name), { recursive: true })
    await writeFile(join(site.dir, 'definitions/oceans_stage', name, 'workflow.yaml'), content)
  }
  const version = async () => (JSON.parse(await readFile(feed, 'utf8')) as PermissionSnapshot).version
  const before = await version()
  await writeFile(join(site.dir, 'site.yaml'), 'permissions: { read: ["user:mel"] }\n')
  await until(async () => (await version()) > before)
  await site.restart()
  const answer = await site.ask({ account: 'atmosphere_stage', workflow: 'clouds', action: 'play' })
  assert.equal(answer.state, 'refused', 'it serves, by the permissions of now')
})

test('the text of a workflow that was taken away is published no longer, also after a restart', async (t) => {
  const site = await startDaemon(t, {
    workflows: { ...workflows, 'oceans_stage/currents': text },
    autoplay: false,
  })
  const feed = site.layout.accountFeed('oceans_stage')
  const isThere = (workflow: string) => existsSync(join(feed, 'source', `${workflow}.yaml`))
  assert.deepEqual(['waves', 'currents'].map(isThere), [true, true])
  await rm(join(site.dir, 'definitions/oceans_stage/waves'), { recursive: true })
  await until(() => !isThere('waves'))
  await site.daemon.stop()
  await rm(join(site.dir, 'definitions/oceans_stage/currents'), { recursive: true })
  await site.restart()
  assert.equal(isThere('currents'), false)
})
