/** Row 32, at the UI server: assertions and grants where, when and for whom they were not made. */
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { codeOf } from '../harness/code-of.ts'
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
