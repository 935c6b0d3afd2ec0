/** One record for each act at the hub and one for its outcome at the daemon, however it ends; none for looking. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PAGE, STREAM, WALL } from '../../hub/context.ts'
import { type ActionName, actionNames, actionOf } from '../../protocol/actions/registry.ts'
import type { Ask } from '../../protocol/requests.ts'
import { codeOf } from '../harness/code-of.ts'
import { elevated } from '../harness/daemon.ts'
import type { Answer } from '../harness/http.ts'
import { permissions, startTestHub } from '../harness/hub.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { layer } from '../harness/site-feed.ts'
import { until } from '../harness/until.ts'

const account = 'atmosphere_stage'

/** What each action is asked for with; a new action has to say it. */
const args: Readonly<Record<ActionName, Ask['args']>> = {
  play: {},
  pause: {},
  resume: {},
  reload: {},
  stop: {},
  start: {},
  hold: {},
  release: {},
  trigger: {},
  kill: {},
  poll: {},
  set: { outputs: ['succeeded'] },
  remove: {},
  edit: { environment: { A: 'b' } },
  submit: {},
  permissions: { base: 0, text: 'kill: []' },
}

const askFor = (action: ActionName): Partial<Ask> => {
  const level = actionOf(action).on[0]
  return {
    action,
    account,
    args: args[action],
    ...(level === 'account' ? {} : { workflow: 'clouds' }),
    ...(level === 'task' ? { cycle: '1', task: 't' } : {}),
    ...(action === 'submit' ? { plugin: 'echo' } : {}),
  }
}

test('the hub records each action once before it hands it on, and each refusal once', async (t) => {
  const hub = await startTestHub(t, {
    permissions: permissions({
      site: layer({ read: ['everyone'], execute: ['everyone'], write: ['everyone'] }),
      limits: layer({}),
      accounts: { [account]: { owners: ['user:jacintar'], cli: 'refuse', workflows: {} } },
    }),
  })
  const jacintar = await hub.signIn('jacintar')
  const ask = (action: ActionName) => {
    const { action: _, account: __, ...body } = askFor(action)
    return jacintar.change('POST', `/api/accounts/${account}/actions/${action}`, body)
  }
  const recorded = async (act: () => Promise<Answer>) => {
    const before = (await hub.audited()).length
    const answer = await act()
    return { answer, records: (await hub.audited()).slice(before) }
  }
  for (const raised of [false, true]) {
    if (raised) await hub.raise(jacintar, 'write')
    for (const action of actionNames) {
      const { answer, records } = await recorded(() => ask(action))
      assert.equal(answer.status, raised ? 202 : 403, `${action}: ${answer.text}`)
      const told = records.filter(({ event }) => event.startsWith('action.'))
      assert.deepEqual(
        told.map((record) => [record.event, record.action, record.person]),
        [[raised ? 'action.intended' : 'action.refused', action, 'jacintar']],
      )
    }
  }
  // What is no action at all was neither allowed nor refused: it is told and not recorded.
  const { answer, records } = await recorded(() =>
    jacintar.change('POST', `/api/accounts/${account}/actions/set`, { workflow: 'clouds', args: { no: 1 } }),
  )
  assert.deepEqual([answer.status, codeOf(answer), records], [400, 'args.invalid', []])
})

test('looking is not recorded, at any route', async (t) => {
  const hub = await startTestHub(t)
  const admin = await hub.signIn('admin')
  await hub.raise(admin, 'write')
  const before = (await hub.audited()).length
  const looking = hub.hub
    .routes()
    .filter(({ method, kind }) => method === 'GET' && (kind & (PAGE | STREAM | WALL)) !== 0)
  assert.ok(looking.length > 10, `${looking.length} routes`)
  for (const { url } of looking) {
    if (url.includes('/progress')) continue
    const path = url
      .replace(':account', account)
      .replace(/:[a-z]+/g, 'x')
      .replace('*', 'workflows')
    await admin.ask('GET', path)
  }
  // Opening an account starts its server, which is an act.
  const records = (await hub.audited()).slice(before).filter(({ event }) => !event.startsWith('server.'))
  assert.deepEqual(
    records.map(({ event }) => event),
    [],
  )
})

test('the daemon records each outcome once, whatever it is', async (t) => {
  const site = await startDaemon(t, {
    workflows: { [`${account}/clouds`]: 'graph: t\ntasks: { t: { script: "true" } }\n' },
    siteFile: `permissions: { read: [everyone], execute: [everyone], write: [everyone] }
accounts: { ${account}: { owners: ["user:jacintar"] } }
`,
    autoplay: false,
  })
  const recordsOf = async (id: string) =>
    (await site.audit()).split('\n').filter((line) => line.includes(`"request":"${id}"`))
  for (const action of actionNames)
    for (const claims of [elevated('write'), { elevation: null }]) {
      const { id, state } = await site.ask(askFor(action), claims)
      if (claims.elevation === null) assert.equal(state, 'refused', action)
      await until(async () => (await recordsOf(id)).length > 0)
      const [line, ...more] = await recordsOf(id)
      assert.equal(more.length, 0, `${action}: ${more.length + 1} records`)
      const { event, outcome } = JSON.parse(line ?? '{}')
      assert.deepEqual([event, outcome], [state === 'done' ? 'action.done' : 'action.not-done', state])
    }
})
