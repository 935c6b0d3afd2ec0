/** What people do to real jobs, through the inbox of a real daemon. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { readHistory } from '../../durable/feed-follower.ts'
import type { AccountRow, InstanceRow, JobRow, RequestRow, WorkflowRow } from '../../protocol/rows.ts'
import { type DaemonSite, elevated } from '../harness/daemon.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { until } from '../harness/until.ts'

const account = 'atmosphere_stage'

const rowIn = async <Row>(dir: string, kind: string, key: string): Promise<Row | undefined> => {
  let found: Row | undefined
  for await (const lines of readHistory(dir, 1))
    for (const { put, drop } of lines) {
      for (const each of drop) if (each.kind === kind && each.key === key) found = undefined
      for (const each of put) if (each.kind === kind && each.key === key) found = each.row as Row
    }
  return found
}
const instance = (site: DaemonSite, key: string) =>
  rowIn<InstanceRow>(site.layout.accountFeed(account), 'instance', key)
const job = (site: DaemonSite, key: string) => rowIn<JobRow>(site.layout.accountFeed(account), 'job', key)

test('a person stops a task, whose job is killed without a failure, and starts it again', async (t) => {
  const site = await startDaemon(t, {
    workflows: {
      [`${account}/clouds`]: `
graph: |
  climb? => post
  climb:fail? => recover
tasks:
  climb: { script: 'seneschal-message "climbing"; test -e "$SENESCHAL_SHARE_DIR/go" || sleep 60' }
  post: { script: 'true' }
  recover: { script: 'true' }
`,
    },
  })
  const climb = { workflow: 'clouds', cycle: '1', task: 'climb' }
  await until(async () => (await job(site, 'clouds//1/climb/01'))?.note === 'climbing', 15_000)
  assert.equal((await site.ask({ action: 'stop', ...climb })).state, 'done')
  await until(async () => (await job(site, 'clouds//1/climb/01'))?.state === 'killed')
  const stopped = await instance(site, 'clouds//1/climb')
  assert.ok(stopped?.stopped && stopped.held && stopped.state === 'waiting')
  assert.equal(await instance(site, 'clouds//1/recover'), undefined, 'no recovery branch')

  await writeFile(join(site.jobRoot(account), 'clouds/share/go'), '')
  assert.equal((await site.ask({ action: 'start', ...climb })).state, 'done')
  await until(async () => (await instance(site, 'clouds//1/post'))?.state === 'succeeded')
  assert.equal((await job(site, 'clouds//1/climb/02'))?.state, 'succeeded')
  assert.match(await site.audit(), /User jacintar stopped atmosphere_stage.clouds.climb.1 task/)
  assert.match(await site.audit(), /User jacintar started atmosphere_stage.clouds.climb.1 task/)
})

test('edited settings reach the next job, and a definition’s bin is on its path', async (t) => {
  const site = await startDaemon(t, {
    workflows: {
      [`${account}/clouds`]: `
graph: climb
tasks: { climb: { script: 'tool', environment: { COLOUR: grey, GONE: soon } } }
`,
    },
    autoplay: false,
  })
  const bin = join(site.dir, 'definitions', account, 'clouds/bin')
  await mkdir(bin)
  await writeFile(join(bin, 'tool'), '#!/bin/sh\necho "colour $COLOUR gone $GONE."\n')
  await chmod(join(bin, 'tool'), 0o755)
  const admin = { sub: 'admin', ...elevated('write') }
  const args = { environment: { COLOUR: 'blue', GONE: null } }
  assert.equal(
    (await site.ask({ action: 'edit', workflow: 'clouds', task: 'climb', args }, admin)).state,
    'done',
  )
  assert.equal((await site.ask({ action: 'play', workflow: 'clouds' })).state, 'done')
  const out = join(site.jobRoot(account), 'clouds/log/job/1/climb/01/job.out')
  await until(() => existsSync(out) && readFileSync(out, 'utf8') === 'colour blue gone .\n', 15_000)
  assert.doesNotMatch(await site.audit(), /blue/, 'values of variables are not told')
})

test('edits that add up to more than a job can be given are refused', async (t) => {
  const site = await startDaemon(t, {
    workflows: { [`${account}/clouds`]: 'graph: climb\ntasks: { climb: {} }\n' },
    autoplay: false,
  })
  const admin = { sub: 'admin', ...elevated('write') }
  const edit = (letter: string) => {
    const names = Array.from({ length: 6 }, (_, index) => [`${letter}${index}`, 'x'.repeat(4096)])
    const args = { environment: Object.fromEntries(names) }
    return site.ask({ action: 'edit', workflow: 'clouds', args }, admin)
  }
  for (const letter of ['A', 'B', 'C', 'D', 'E']) assert.equal((await edit(letter)).state, 'done')
  const refused = await edit('F')
  assert.deepEqual([refused.state, refused.code], ['refused', 'args.invalid'])
  // What replaces former ones adds nothing.
  assert.equal((await edit('A')).state, 'done')
})

test('a task that the graph does not name is told on the row and to whoever reloads', async (t) => {
  const text = 'graph: climb\ntasks: { climb: {}, clmb: {} }\n'
  const site = await startDaemon(t, { workflows: { [`${account}/clouds`]: text }, autoplay: false })
  const told = `${account}/clouds/workflow.yaml:2:21: tasks.clmb: The graph does not name "clmb", so it never runs.`
  const row = () => rowIn<WorkflowRow>(site.layout.accountFeed(account), 'workflow', 'clouds')
  await until(async () => (await row())?.warnings?.[0] === told)
  assert.equal((await row())?.problem, null)
  const admin = { sub: 'admin', ...elevated('write') }
  const file = join(site.dir, 'definitions', account, 'clouds/workflow.yaml')
  await writeFile(file, `${text}# the same\n`)
  const reload = async () => {
    const { id } = await site.ask({ action: 'reload', workflow: 'clouds' }, admin)
    return await rowIn<RequestRow>(site.layout.accountFeed(account), 'request', id)
  }
  assert.equal((await reload())?.reason, told)
  await writeFile(file, 'graph: climb\ntasks: { climb: {} }\n')
  assert.deepEqual([(await reload())?.state, (await row())?.warnings], ['done', undefined])
})

test('a host that cannot be reached delays its own account alone, and says so until it can', async (t) => {
  const once = 'graph: climb\ntasks: { climb: { script: "true" } }\n'
  const site = await startDaemon(t, {
    workflows: { 'atmosphere_stage/clouds': once, 'oceans_stage/waves': once },
    // Put in the way of the agent's run directory.
    before: async ({ dir }) => writeFile(join(dir, 'home/oceans_stage/.seneschal'), ''),
  })
  const oceans = () => rowIn<AccountRow>(site.layout.siteFeed, 'account', 'oceans_stage')
  await until(async () => (await instance(site, 'clouds//1/climb'))?.state === 'succeeded', 15_000)
  await until(async () => ((await oceans())?.problem ?? null) !== null)
  assert.equal(site.daemon.status().state, 'degraded')
  await rm(join(site.dir, 'home/oceans_stage/.seneschal'))
  const waves = () => rowIn<JobRow>(site.layout.accountFeed('oceans_stage'), 'job', 'waves//1/climb/01')
  await until(async () => (await waves())?.state === 'succeeded', 20_000)
  await until(async () => (await oceans())?.problem === null)
})
