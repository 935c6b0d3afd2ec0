import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import { accountBody, accountsBody, progressEvent } from '../../protocol/api.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { codeOf } from '../harness/code-of.ts'
import { startServing } from '../harness/serving.ts'
import { until } from '../harness/until.ts'

test('everybody sees the accounts and workflows that they may view, with what they may do', async (t) => {
  const hub = await startServing(t)
  const named = async (person: string) => {
    const answer = await (await hub.signIn(person)).get('/api/accounts')
    const { accounts, daemons } = accountsBody.parse(answer.body)
    assert.equal(daemons[0]?.silent, false)
    return accounts.map(({ account, workflows }) =>
      [account.account, ...workflows.map(({ summary }) => summary.workflow)].join(' '),
    )
  }
  assert.deepEqual(await named('jacintar'), ['atmosphere_stage clouds winds'])
  assert.deepEqual(await named('mel'), ['atmosphere_stage clouds winds', 'oceans_stage waves'])
  assert.deepEqual(await named('owner'), ['atmosphere_stage clouds winds secret'])

  const jacintar = await hub.signIn('jacintar')
  const answer = await jacintar.get('/api/accounts/atmosphere_stage')
  const body = accountBody.parse(answer.body)
  assert.equal(body.server.state, 'off')
  const [clouds] = body.workflows
  assert.deepEqual([clouds?.allowed.view, clouds?.allowed.hold, clouds?.allowed.edit], [true, true, false])
  assert.equal(codeOf(await jacintar.get('/api/accounts/oceans_stage')), 'account.unknown')
})

test('whoever may view something starts the server; only an elevated administrator stops it', async (t) => {
  const hub = await startServing(t)
  const jacintar = await hub.signIn('jacintar')
  const path = '/api/accounts/atmosphere_stage/server'
  const answer = await jacintar.send('POST', path)
  assert.equal(answer.status, 202)
  assert.equal((answer.body as { state: string }).state, 'starting')
  await until(() => hub.servers.row('atmosphere_stage').state === 'on')
  assert.equal((await jacintar.send('POST', path)).status, 202)
  assert.equal(hub.spawner.starts.length, 1)
  assert.equal((await jacintar.send('POST', '/api/accounts/oceans_stage/server')).status, 404)

  const raised = await hub.raise(jacintar, 'write')
  assert.equal(codeOf(await raised.send('DELETE', path)), 'permission.denied')
  const admin = await hub.signIn('admin')
  assert.equal(codeOf(await admin.send('DELETE', path)), 'elevation.required')
  assert.equal(hub.servers.row('atmosphere_stage').state, 'on')
  const elevated = await hub.raise(admin, 'write')
  assert.equal((await elevated.send('DELETE', path)).status, 204)
  assert.equal(hub.servers.row('atmosphere_stage').state, 'off')
  assert.equal(codeOf(await elevated.send('DELETE', '/api/accounts/nowhere/server')), 'account.unknown')
  const { records } = hub.audit.search({ limit: 10, visible: () => true })
  assert.deepEqual(
    records.filter(({ event }) => event.startsWith('server.')).map(({ sentence }) => sentence),
    [
      'User admin stopped the server of atmosphere_stage',
      'User admin asked to stop the server of atmosphere_stage',
      'User jacintar opened atmosphere_stage',
      'User jacintar asked to open atmosphere_stage',
    ],
  )
})

test('a request without the token of the page starts nothing', async (t) => {
  const hub = await startServing(t)
  const jacintar = await hub.signIn('jacintar')
  const path = '/api/accounts/atmosphere_stage/server'
  assert.equal(codeOf(await jacintar.send('POST', path, undefined, { 'x-csrf-token': 'x' })), 'csrf.invalid')
  assert.equal(
    codeOf(await jacintar.send('POST', path, undefined, { origin: 'https://evil.test' })),
    'origin.foreign',
  )
  assert.equal(hub.spawner.starts.length, 0)
})

test('without a record no server is stopped', async (t) => {
  const hub = await startServing(t, { unwritable: (event) => event === 'server.stop-intended' })
  await hub.open('atmosphere_stage')
  const admin = await hub.raise(await hub.signIn('admin'), 'write')
  const answer = await admin.send('DELETE', '/api/accounts/atmosphere_stage/server')
  assert.equal(codeOf(answer), 'audit.unwritable')
  assert.equal(hub.servers.row('atmosphere_stage').state, 'on')
})

test('progress is a stream of events: what was, then what comes, and it ends with the session', async (t) => {
  const hub = await startServing(t)
  const jacintar = await hub.signIn('jacintar')
  hub.spawner.launch = async (progress) => {
    await progress({ text: 'Almost there.' })
    throw new SeneschalError('agent.missing', 'There is no agent here.')
  }
  let text = ''
  let ended = false
  const get = request({
    port: hub.port,
    host: '127.0.0.1',
    path: '/api/accounts/atmosphere_stage/server/progress',
    headers: jacintar.headers,
  })
  get.once('response', (response) => {
    assert.equal(response.headers['content-type'], 'text/event-stream')
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    response.once('end', () => {
      ended = true
    })
  })
  get.end()
  await until(() => text.includes('The server is off.'))
  await jacintar.send('POST', '/api/accounts/atmosphere_stage/server')
  await until(() => text.includes('agent.missing'))
  const events = text
    .split('\n\n')
    .filter((block) => block.startsWith('event: progress\ndata: '))
    .map((block) => progressEvent.parse(JSON.parse(block.slice('event: progress\ndata: '.length))))
  assert.deepEqual(
    events.slice(0, 5).map(({ state, code }) => [state, code]),
    [
      ['off', null],
      ['starting', null],
      ['starting', null],
      ['starting', null],
      ['failed', 'agent.missing'],
    ],
  )
  await hub.endSession(jacintar)
  await until(() => ended && hub.live.count() === 0)
})
