/** Requests through the inbox of a real daemon, to their public answer. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { elevated } from '../harness/daemon.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { until } from '../harness/until.ts'

const climb =
  'schedule: { initial: 1, final: 2, recurrence: P1 }\ngraph: climb\ntasks: { climb: { script: "true" } }\n'
const secret = `${climb}permissions: { read: [owner] }\n`
const workflows = { 'atmosphere_stage/clouds': climb, 'atmosphere_stage/secret': secret }

test('a person holds a workflow; the answer, the audit record and the feed say so', async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  const answer = await site.ask({ action: 'hold', workflow: 'clouds' })
  assert.equal(answer.state, 'done')
  assert.match(
    await site.audit(),
    new RegExp(`"request":"${answer.id}","sentence":"User jacintar held atmosphere_stage.clouds workflow"`),
  )
  const feed = async () => {
    const dir = site.layout.accountFeed('atmosphere_stage')
    const [segment] = (await readdir(dir)).filter((name) => name.startsWith('events-'))
    return readFile(join(dir, segment ?? ''), 'utf8')
  }
  await until(async () => new RegExp(`"id":"${answer.id}".*"state":"done"`).test(await feed()))
  await until(async () => (await readdir(site.layout.inbox)).length === 0)
  assert.deepEqual(await readdir(site.layout.processing), [])
  const status = await readFile(join(site.layout.finished, answer.id, 'status.json'), 'utf8')
  assert.doesNotMatch(status, /jacintar|clouds|hold|grant/)
})

test('each refusal has its code', async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  const code = async (...ask: Parameters<typeof site.ask>) => (await site.ask(...ask)).code
  assert.equal(await code({ action: 'release', workflow: 'clouds' }), 'state.conflict')
  assert.equal(await code({ action: 'hold', workflow: 'clouds' }, { elevation: null }), 'elevation.required')
  assert.equal(await code({ action: 'reload', workflow: 'clouds' }, elevated('write')), 'permission.denied')
  assert.equal(
    await code({ action: 'reload', workflow: 'clouds' }, { sub: 'admin' }),
    'elevation.required',
    'privileges raised to execute do not cover write',
  )
  assert.equal(await code({ action: 'hold', workflow: 'clouds', args: { x: 1 } }), 'args.invalid')
  assert.equal(await code({ action: 'hold' }), 'input.invalid')
  assert.equal(await code({ action: 'kill', workflow: 'clouds', task: 'climb' }), 'input.invalid')
  assert.equal(await code({ action: 'submit', plugin: 'echo' }), 'plugin.none')
  assert.equal(
    await code({ action: 'set', workflow: 'clouds', cycle: '1', task: 'climb', args: { outputs: ['done'] } }),
    'args.invalid',
  )
  assert.equal(
    await code({ action: 'trigger', workflow: 'clouds', cycle: '1', task: 'clmb' }),
    'task.unknown',
  )
})

test('what is hidden from somebody is refused like what does not exist', async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  const hidden = await site.ask({ action: 'hold', workflow: 'secret' })
  const absent = await site.ask({ action: 'hold', workflow: 'absent' })
  assert.deepEqual([hidden.state, hidden.code], ['refused', 'workflow.unknown'])
  assert.deepEqual([absent.state, absent.code], ['refused', 'workflow.unknown'])
})

test('a request that comes too late ends as stale', async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  const iat = Math.floor(Date.now() / 1000) - 600
  const answer = await site.ask({ action: 'hold', workflow: 'clouds' }, { iat })
  assert.deepEqual([answer.state, answer.code], ['stale', 'request.stale'])
})

test('the account acts for itself, as the account and no person', async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  const id = randomUUID()
  await site.put({
    version: 1,
    id,
    action: 'hold',
    account: 'atmosphere_stage',
    workflow: 'clouds',
    args: {},
  })
  assert.equal((await site.answer(id)).state, 'done')
  assert.match(await site.audit(), /"Account atmosphere_stage held atmosphere_stage.clouds workflow"/)
})

test('an account whose owners are named takes no requests without a grant', async (t) => {
  const site = await startDaemon(t, {
    workflows,
    autoplay: false,
    siteFile:
      'permissions: { read: [everyone] }\naccounts: { atmosphere_stage: { owners: ["user:owen"] } }\n',
  })
  const id = randomUUID()
  await site.put({
    version: 1,
    id,
    action: 'hold',
    account: 'atmosphere_stage',
    workflow: 'clouds',
    args: {},
  })
  assert.deepEqual((({ state, code }) => [state, code])(await site.answer(id)), ['refused', 'grant.missing'])
})

test('a reload takes up the file as it is, or says where it is wrong and leaves all as it was', async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  const file = join(site.dir, 'definitions/atmosphere_stage/clouds/workflow.yaml')
  const admin = { sub: 'admin', ...elevated('write') }
  await writeFile(file, climb.replace('graph: climb', 'graph: climb => post'))
  const wrong = await site.ask({ action: 'reload', workflow: 'clouds' }, admin)
  assert.deepEqual([wrong.state, wrong.code], ['refused', 'workflow.invalid'])
  assert.match(
    await site.audit(),
    /"reason":"atmosphere_stage\/clouds\/workflow.yaml:2:\d+: graph: There is no task or family \\"post/,
  )
  assert.equal((await site.ask({ action: 'hold', workflow: 'clouds' })).state, 'done')

  await writeFile(file, `meta: { title: New }\n${climb}`)
  assert.equal((await site.ask({ action: 'reload', workflow: 'clouds' }, admin)).state, 'done')
  const published = join(site.layout.accountFeed('atmosphere_stage'), 'source/clouds.yaml')
  await until(async () => (await readFile(published, 'utf8')).startsWith('meta: { title: New }'))
})

test('a workflow that is installed while the daemon runs is taken up, a broken one shows why', async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  for (const [name, text] of [
    ['winds', climb],
    ['broken', 'graph: climb\ntasks: { climb: {} }\nunknown: 1\n'],
  ] as const) {
    await mkdir(join(site.dir, 'definitions/atmosphere_stage', name))
    await writeFile(join(site.dir, 'definitions/atmosphere_stage', name, 'workflow.yaml'), text)
  }
  const isSeen = async (workflow: string) =>
    (await site.ask({ action: 'hold', workflow })).code !== 'workflow.unknown'
  await until(async () => (await isSeen('winds')) && (await isSeen('broken')))
  assert.equal((await site.ask({ action: 'hold', workflow: 'broken' })).code, 'workflow.invalid')
})

test('a broken site file keeps the running permissions and is told once; a good one takes effect', async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  await writeFile(join(site.dir, 'site.yaml'), 'permissions: { reed: [everyone] }\n')
  await until(async () => /configuration.refused[^\n]*site.yaml:1:\d+: unknown key/.test(await site.audit()))
  assert.equal((await site.ask({ action: 'hold', workflow: 'clouds' })).state, 'done')
  assert.equal(site.daemon.status().state, 'degraded')
  await writeFile(join(site.dir, 'site.yaml'), 'permissions: { read: [everyone] }\n')
  await until(() => site.daemon.status().state === 'running')
  assert.equal((await site.ask({ action: 'release', workflow: 'clouds' })).code, 'permission.denied')
  assert.equal((await site.audit()).match(/configuration\.refused/g)?.length, 1)
})

test('a restart forgets nothing: holds, answers and the version of the permissions', async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  const made = await site.grant({ action: 'hold', workflow: 'clouds' })
  await site.put({ version: 1, ...made })
  assert.equal((await site.answer(made.id)).state, 'done')
  await site.restart()
  await site.put({ version: 1, ...made })
  await until(async () => (await readdir(site.layout.inbox)).length === 0)
  assert.equal((await site.ask({ action: 'hold', workflow: 'clouds' })).code, 'state.conflict')
  assert.equal((await site.audit()).match(new RegExp(`"request":"${made.id}"`, 'g'))?.length, 1)
})

test('a Unix user who is several accounts is told to name one', async (t) => {
  const site = await startDaemon(t, {
    workflows: { ...workflows, 'oceans_stage/waves': climb },
    autoplay: false,
  })
  const id = randomUUID()
  await site.put({ version: 1, id, action: 'submit', plugin: 'echo', args: {} })
  assert.deepEqual((({ state, code }) => [state, code])(await site.answer(id)), [
    'refused',
    'account.ambiguous',
  ])
})
