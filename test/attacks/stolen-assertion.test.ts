/** Row 32, at the UI server and at the hub: assertions and grants where, when and for whom they were not made. */
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { codeOf } from '../harness/code-of.ts'
import { startServing } from '../harness/serving.ts'
import {
  account,
  audience,
  put,
  startUiServer,
  type UiServerRoad,
  workflowRow,
} from '../harness/ui-server.ts'
import { until } from '../harness/until.ts'

const id = '0193a3c0-0000-7000-8000-000000000001'

const withClouds = async (road: UiServerRoad) => {
  road.feed.append({ journal: 1, at: 1, put: [put('workflow', 'clouds', workflowRow('clouds'))], drop: [] })
  await until(async () => (await road.request('/workflows/clouds')).status === 200)
}

test('an assertion for another account, another run, another issuer, or of a minute ago is refused', async (t) => {
  const road = await startUiServer(t)
  await withClouds(road)
  const iat = Math.floor(road.now.value / 1000)
  for (const [why, claims] of Object.entries({
    'another account': { aud: audience.replace(account, 'oceans_stage') },
    'another run': { aud: `${account}/${'f'.repeat(32)}` },
    'another issuer': { iss: 'https://evil.test' },
    over: { iat: iat - 120, exp: iat - 60 },
    'not yet': { iat: iat + 60, exp: iat + 120 },
  }))
    assert.equal(
      (await road.request('/workflows', { token: await road.assertion('jacintar', claims) })).status,
      401,
      why,
    )
})

test('a grant handed over by anybody but its person, for its account, under its id, is refused', async (t) => {
  const road = await startUiServer(t)
  await withClouds(road)
  const request = { action: 'hold', account, workflow: 'clouds', args: {} }
  const iat = Math.floor(road.now.value / 1000)
  const post = async (grant: string, token?: string) =>
    road.request('/actions', {
      method: 'POST',
      body: JSON.stringify({ id, grant }),
      ...(token ? { token } : {}),
    })
  for (const [code, grant, token] of [
    ['grant.wrong-account', await road.grant({ jti: id, request: { ...request, account: 'oceans_stage' } })],
    ['grant.wrong-request', await road.grant()],
    ['grant.invalid', await road.grant({ jti: id }), await road.assertion('mel')],
    ['grant.invalid', await road.grant({ jti: id, session: 'another' })],
    ['grant.expired', await road.grant({ jti: id, iat: iat - 200, exp: iat - 140 })],
    ['grant.invalid', await road.assertion()],
    ['grant.invalid', 'x.y.z'],
    ['permission.denied', await road.grant({ jti: id, request: { ...request, action: 'edit' } })],
    ['action.unknown', await road.grant({ jti: id, request: { ...request, action: 'destroy' } })],
  ] as const)
    assert.equal(codeOf(await post(grant, token)), code, code)
  const mel = await road.grant({ jti: id, sub: 'mel', session: 'session-of-mel' })
  assert.equal(codeOf(await post(mel, await road.assertion('mel'))), 'permission.denied')
  assert.deepEqual(await readdir(road.inbox), [])
})

test('a grant opens no UI server, an assertion is no grant, and neither opens the hub', async (t) => {
  const taken: string[] = []
  const hub = await startServing(t, {
    answer: async (request, response) => {
      taken.push(String(request.headers.authorization).slice('Bearer '.length))
      let body = ''
      for await (const piece of request) body += piece
      if (body !== '') taken.push(JSON.parse(body).grant)
      response.writeHead(202, { 'content-type': 'application/json' }).end('{}')
    },
  })
  await hub.open('atmosphere_stage')
  const raised = await hub.raise(await hub.signIn('jacintar'), 'execute')
  await raised.send('POST', '/api/accounts/atmosphere_stage/actions/hold', { workflow: 'clouds', args: {} })
  const [assertion = '', grant = ''] = taken
  await hub.verifier.verifyGrant(grant, 'test', Date.now())
  for (const token of [assertion, grant])
    for (const headers of [
      { cookie: `__Host-seneschal=${token}` },
      { cookie: `__Host-seneschal-kiosk=${token}` },
      { cookie: '', authorization: `Bearer ${token}` },
      { cookie: '', 'x-csrf-token': token },
    ])
      for (const path of ['/api/accounts', '/u/atmosphere_stage/workflows'])
        assert.equal((await raised.get(path, headers)).status, 401)
  const road = await startUiServer(t)
  assert.equal((await road.request('/workflows', { token: await road.grant() })).status, 401)
  await assert.rejects(road.listen('', await road.grant()), { status: 401 })
})

test('a grant that was handed over twice is in the inbox once, under its own id', async (t) => {
  const road = await startUiServer(t)
  await withClouds(road)
  const body = JSON.stringify({ id, grant: await road.grant({ jti: id }) })
  for (let count = 0; count < 2; count += 1) await road.request('/actions', { method: 'POST', body })
  assert.deepEqual(await readdir(road.inbox), [`${id}.json`])
})

test('a body that is no hand-over is refused', async (t) => {
  const road = await startUiServer(t)
  await withClouds(road)
  const grant = await road.grant({ jti: id })
  for (const body of [
    '',
    '[]',
    JSON.stringify({ id, grant, extra: 1 }),
    JSON.stringify({ id: '../x', grant }),
    `{"id":"${id}","id":"${id}","grant":"${grant}"}`,
    `{"id":"${id}","__proto__":{},"grant":"${grant}"}`,
  ])
    assert.equal(codeOf(await road.request('/actions', { method: 'POST', body })), 'input.invalid', body)
  const large = JSON.stringify({ id, grant: 'x'.repeat(100_000) })
  assert.equal(codeOf(await road.request('/actions', { method: 'POST', body: large })), 'input.too-large')
  assert.deepEqual(await readdir(road.inbox), [])
})
