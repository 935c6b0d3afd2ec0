import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { actionAnswer, handOver, requestBody } from '../../protocol/api.ts'
import { codeOf } from '../harness/code-of.ts'
import { startTestHub } from '../harness/hub.ts'
import { type Serving, startServing } from '../harness/serving.ts'
import { requestRow, snapshotOf } from '../harness/site-feed.ts'

type HandOver = { readonly id: string; readonly grant: string; readonly authorization: string }

/** A UI server that takes grants, or refuses them as the test wants. */
const taking = async (t: TestContext, refuse?: { readonly status: number; readonly body: string }) => {
  const taken: HandOver[] = []
  const hub = await startServing(t, {
    answer: async (request, response) => {
      let text = ''
      for await (const chunk of request) text += chunk
      if (request.url !== '/actions' || request.method !== 'POST') return void response.writeHead(404).end()
      const { id, grant } = handOver.parse(JSON.parse(text))
      taken.push({ id, grant, authorization: String(request.headers.authorization) })
      const { status, body } = refuse ?? { status: 202, body: '' }
      response.writeHead(status, { 'content-type': 'application/json' }).end(body)
    },
    permissions: snapshotOf({
      version: 7,
      accounts: {
        atmosphere_stage: {
          owners: ['user:owner'],
          cli: 'refuse',
          layer: { rules: { write: ['user:jacintar'] }, source: { file: 'a.yaml', lines: {} } },
          workflows: {},
        },
      },
    }),
  })
  return { hub, taken }
}

const path = (action: string) => `/api/accounts/atmosphere_stage/actions/${action}`
const sentences = (hub: Serving) =>
  hub.audit
    .search({ limit: 20, visible: () => true })
    .records.filter(({ event }) => event.startsWith('action.'))
    .map(({ event, sentence }) => `${event}: ${sentence}`)

test('an action becomes one grant that holds all of it, after its intent was recorded', async (t) => {
  const { hub, taken } = await taking(t)
  const jacintar = await hub.raise(await hub.signIn('jacintar', ['oidc/ops']), 'execute')
  const answer = await jacintar.send('POST', path('stop'), {
    workflow: 'clouds',
    cycle: '1234',
    task: 'climb',
    args: { mode: 'now' },
    reason: 'It is stuck.',
  })
  assert.equal(answer.status, 202)
  const { request } = actionAnswer.parse(answer.body)
  assert.equal(taken.length, 1)
  assert.equal(taken[0]?.id, request)
  const grant = await hub.verifier.verifyGrant(taken[0]?.grant ?? '', 'test', Date.now())
  const { records } = hub.audit.search({ limit: 1, visible: () => true, event: 'action.intended' })
  assert.partialDeepStrictEqual(grant, {
    sub: 'jacintar',
    groups: ['oidc/ops'],
    jti: request,
    reason: 'It is stuck.',
    policy: 7,
    audit: hub.audit.head(),
    elevation: { class: 'execute' },
    request: {
      action: 'stop',
      account: 'atmosphere_stage',
      workflow: 'clouds',
      cycle: '1234',
      task: 'climb',
      args: { mode: 'now' },
    },
  })
  assert.partialDeepStrictEqual(records[0], {
    person: 'jacintar',
    outcome: 'allowed',
    request,
    args: { mode: 'now' },
    reason: 'It is stuck.',
  })
  const assertion = await hub.verifier.verifyAssertion(
    taken[0]?.authorization.slice('Bearer '.length) ?? '',
    hub.servers.audience('atmosphere_stage'),
  )
  assert.equal(assertion.sub, 'jacintar')
  assert.equal(hub.spawner.starts.length, 1, 'the server was off and is on now')

  const waiting = await jacintar.get(`/api/requests/${request}`)
  assert.deepEqual(requestBody.parse(waiting.body), { state: 'waiting' })
  await hub.feed.put(
    'request',
    request,
    requestRow(request, 'atmosphere_stage', {
      person: 'jacintar',
      state: 'refused',
      code: 'state.conflict',
      reason: 'Not running.',
    }),
  )
  let outcome = requestBody.parse((await jacintar.get(`/api/requests/${request}`)).body)
  for (let tries = 0; outcome.state === 'waiting' && tries < 100; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    outcome = requestBody.parse((await jacintar.get(`/api/requests/${request}`)).body)
  }
  assert.deepEqual(outcome, { state: 'refused', code: 'state.conflict', reason: 'Not running.' })
})

const variables = (count: number, length: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`V${index}`, 'x'.repeat(length)]))

test('what does not fit the action is refused with the reason, and nothing is signed', async (t) => {
  const { hub, taken } = await taking(t)
  const jacintar = await hub.raise(await hub.signIn('jacintar'), 'write')
  const wrong: readonly (readonly [action: string, body: unknown, code: string])[] = [
    ['dance', {}, 'action.unknown'],
    ['view', {}, 'action.unknown'],
    ['__proto__', {}, 'action.unknown'],
    ['stop', { workflow: 'clouds', task: 'climb', cycle: '1', args: { mode: 'gently' } }, 'args.invalid'],
    ['stop', { workflow: 'clouds', args: { mode: 'now', more: 1 } }, 'args.invalid'],
    ['stop', {}, 'args.invalid'],
    ['play', { workflow: 'clouds', cycle: '1', task: 'climb' }, 'args.invalid'],
    ['hold', { task: 'climb', cycle: '1' }, 'args.invalid'],
    ['hold', { workflow: 'clouds', cycle: '1' }, 'args.invalid'],
    ['hold', { workflow: 'clouds', plugin: 'copy' }, 'args.invalid'],
    ['edit', { workflow: 'clouds', args: { environment: variables(101, 1) } }, 'args.invalid'],
    ['edit', { workflow: 'clouds', args: { environment: variables(5, 4096) } }, 'input.too-large'],
    ['hold', { workflow: '../x' }, 'input.invalid'],
    ['hold', { workflow: 'clouds', user: 'admin' }, 'input.invalid'],
    ['hold', { workflow: 'clouds', cycle: '$(id)', task: 'climb' }, 'input.invalid'],
    ['hold', [], 'input.invalid'],
    ['hold', { workflow: 'nothing' }, 'workflow.unknown'],
  ]
  for (const [action, body, code] of wrong)
    assert.equal(
      codeOf(await jacintar.send('POST', path(action), body)),
      code,
      JSON.stringify([action, body]),
    )
  assert.equal(taken.length, 0)
  assert.equal(hub.spawner.starts.length, 0)
  assert.ok(!sentences(hub).some((sentence) => sentence.startsWith('action.intended')))
})

test('whoever asks for more than hands can is told to wait, and nobody else', async (t) => {
  const h = await startTestHub(t, { config: { actionsPerMinute: 3 } })
  const hold = async (person: string) => {
    const browser = await h.signIn(person)
    await h.raise(browser)
    const statuses: number[] = []
    for (let count = 0; count < 4; count += 1) {
      const path = '/api/accounts/atmosphere_stage/actions/hold'
      statuses.push((await browser.change('POST', path, { workflow: 'clouds' })).status)
    }
    return statuses
  }
  assert.deepEqual(await hold('jacintar'), [202, 202, 202, 429])
  assert.deepEqual(await hold('mel'), [202, 202, 202, 429])
  assert.equal((await h.audited('action.intended')).length, 6)
})

test('without raised privileges, or beyond what is permitted, nothing leaves the hub', async (t) => {
  const { hub, taken } = await taking(t)
  const mel = await hub.signIn('mel')
  assert.equal(codeOf(await mel.send('POST', path('hold'), { workflow: 'clouds' })), 'elevation.required')
  const raised = await hub.raise(mel, 'execute')
  const edit = { workflow: 'clouds', args: { environment: { A: '1' } } }
  assert.equal(codeOf(await raised.send('POST', path('edit'), edit)), 'permission.denied')
  assert.equal(taken.length, 0)
  assert.deepEqual(sentences(hub), [
    'action.refused: User mel was refused to edit atmosphere_stage.clouds workflow (permission.denied)',
    'action.refused: User mel was refused to hold atmosphere_stage.clouds workflow (elevation.required)',
  ])
})

test('arguments that an action hides do not stand in the audit log', async (t) => {
  const { hub } = await taking(t)
  const jacintar = await hub.raise(await hub.signIn('jacintar'), 'write')
  const edit = { workflow: 'clouds', args: { environment: { TOKEN: 'very-secret' } } }
  assert.equal((await jacintar.send('POST', path('edit'), edit)).status, 202)
  const { records } = hub.audit.search({ limit: 1, visible: () => true, event: 'action.intended' })
  assert.deepEqual(records[0]?.args, { environment: '(hidden)' })
  assert.doesNotMatch(JSON.stringify(records), /very-secret/)
})

test('a grant that could not be handed over is told, recorded, and not tried again', async (t) => {
  const refusal = { error: { code: 'grant.invalid', message: '<b>no</b>', request: 'x' } }
  const { hub, taken } = await taking(t, { status: 403, body: JSON.stringify(refusal) })
  const jacintar = await hub.raise(await hub.signIn('jacintar'), 'execute')
  const answer = await jacintar.send('POST', path('hold'), { workflow: 'clouds' })
  assert.equal(codeOf(answer), 'grant.invalid')
  assert.doesNotMatch(answer.text, /<b>/, 'its own words are not passed on')
  assert.equal(taken.length, 1)
  assert.deepEqual(sentences(hub), [
    'action.not-sent: User jacintar was not able to hold atmosphere_stage.clouds workflow (grant.invalid)',
    'action.intended: User jacintar asked to hold atmosphere_stage.clouds workflow',
  ])
})

test('a UI server that takes a grant and dies before it answers is not given a second one', async (t) => {
  let posts = 0
  const hub = await startServing(t, {
    answer: (request, response) => {
      if (request.method === 'POST') posts += 1
      response.destroy()
    },
  })
  const jacintar = await hub.raise(await hub.signIn('jacintar'), 'execute')
  await hub.open('atmosphere_stage')
  const answer = await jacintar.send('POST', path('hold'), { workflow: 'clouds' })
  assert.equal(codeOf(answer), 'tunnel.closed')
  assert.equal(posts, 1)
})
