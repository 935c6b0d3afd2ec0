/** The gate: who passes, who does not, and that nothing stands beside it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { ACTION, ADMIN, CHANGE, PAGE, PUBLIC, STREAM, WALL } from '../../hub/context.ts'
import { type CreateGateParts, createGate } from '../../hub/gate/gate.ts'
import { atTheDoor, withTheBody } from '../../hub/gate/table.ts'
import { createLog } from '../../hub/log.ts'
import { operations } from '../../hub/openapi.ts'
import { codeOf } from '../harness/code-of.ts'
import { send } from '../harness/http.ts'
import { permissions, startTestHub } from '../harness/hub.ts'

test('every kind but the public one asks for a session first, and changes for origin, token and JSON', () => {
  const rows = [...atTheDoor, ...withTheBody]
  const checksOf = (kind: number) => rows.filter(([, , kinds]) => (kinds & kind) !== 0).map(([name]) => name)
  assert.deepEqual(checksOf(PUBLIC), ['token', 'origin'])
  for (const kind of [PAGE, STREAM, WALL, ACTION, CHANGE, ADMIN])
    assert.deepEqual(checksOf(kind).slice(0, 2), ['token', 'session'])
  for (const kind of [ACTION, CHANGE, ADMIN])
    for (const name of ['kiosk', 'origin', 'csrf', 'contentType']) assert.ok(checksOf(kind).includes(name))
  for (const kind of [ACTION, ADMIN]) assert.ok(checksOf(kind).includes('elevated'))
})

test('a route that does not say its kind cannot be registered', async () => {
  const app = Fastify()
  const log = createLog({ logLevel: 'silent', name: 'test' })
  createGate({ log } as CreateGateParts).guard(app)
  assert.throws(() => app.get('/open', async () => 'hole'), /GET \/open does not say its kind/)
  await app.close()
})

test('nobody gets anything but public pages: each other route answers 401 without a session', async (t) => {
  const h = await startTestHub(t)
  for (const { method, url, kind } of h.hub.routes()) {
    if (kind === PUBLIC || url.includes('*')) continue
    const path = url.replace(/:[a-z]+/g, 'x')
    const answer = await send(h.port, method, path, { host: 'hub.test' })
    assert.equal(answer.status, 401, `${method} ${url}`)
    if (method !== 'HEAD') assert.equal(codeOf(answer), 'session.missing')
  }
})

test('the description of the interface names exactly the routes that there are', async (t) => {
  const h = await startTestHub(t)
  const routes = h.hub
    .routes()
    .filter(({ method, url }) => !['HEAD', 'OPTIONS'].includes(method) && !url.includes('*'))
    .map(({ method, url }) => `${method} ${url.replace(/:([a-z]+)/g, '{$1}')}`)
  assert.deepEqual([...new Set(routes)].sort(), Object.keys(operations).sort())
  const { body } = await send(h.port, 'GET', '/api/openapi.json', { host: 'hub.test' })
  const described = body as { openapi: string; paths: Record<string, Record<string, unknown>> }
  assert.equal(described.openapi, '3.1.0')
  assert.ok(described.paths['/api/session']?.get)
})

test('what may not be seen looks exactly like what is not there', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  await h.raise(browser)
  const same = async (hidden: string, absent: string, body?: [object, object]) => {
    const ask = (path: string, index: 0 | 1) =>
      body === undefined ? browser.ask('GET', path) : browser.change('POST', path, body[index])
    const [one, other] = [await ask(hidden, 0), await ask(absent, 1)]
    assert.equal(one.status, 404)
    assert.equal(other.status, 404)
    assert.equal(codeOf(one), codeOf(other))
    const strip = ({ headers: { date, ...headers } }: typeof one) => headers
    assert.deepEqual(strip(one), strip(other))
  }
  await same('/api/accounts/oceans_stage', '/api/accounts/no_such')
  await same('/api/accounts/atmosphere_stage/actions/hold', '/api/accounts/atmosphere_stage/actions/hold', [
    { workflow: 'secret', args: {} },
    { workflow: 'nothing', args: {} },
  ])
  await same('/api/accounts/oceans_stage/actions/hold', '/api/accounts/no_such/actions/hold', [
    { workflow: 'waves', args: {} },
    { workflow: 'waves', args: {} },
  ])
})

test('a refused action is recorded with who, what and why, once', async (t) => {
  const h = await startTestHub(t, { permissions: permissions() })
  const browser = await h.signIn('mel')
  const answer = await browser.change('POST', '/api/accounts/atmosphere_stage/actions/stop', {
    workflow: 'clouds',
    args: {},
  })
  assert.equal(codeOf(answer), 'elevation.required')
  const [record, ...more] = await h.audited('action.refused')
  assert.equal(more.length, 0)
  assert.equal(record?.person, 'mel')
  assert.equal(record?.outcome, 'refused')
  assert.equal(record?.code, 'elevation.required')
  assert.equal(record?.address, '127.0.0.1')
  assert.equal(
    record?.sentence,
    'User mel was refused to stop atmosphere_stage.clouds workflow (elevation.required)',
  )
})

test('requests that are not even requests get the one error shape and reach no route', async (t) => {
  const h = await startTestHub(t)
  const cases: readonly (readonly [string, string, string, string])[] = [
    ['GET', '/nothing/here', 'route.unknown', ''],
    ['GET', '/api/nothing', 'route.unknown', ''],
    ['GET', '/%', 'path.invalid', ''],
    ['POST', '/api/kiosk/session', 'input.invalid', '{"kiosk":'],
    ['POST', '/api/kiosk/session', 'input.invalid', '{"__proto__":{"a":1}}'],
    ['POST', '/api/kiosk/session', 'input.invalid', '{"kiosk":"a","nonce":"b","signature":"c","more":1}'],
    ['POST', '/api/kiosk/session', 'input.too-large', JSON.stringify({ kiosk: 'x'.repeat(200_000) })],
  ]
  for (const [method, path, code, body] of cases) {
    const answer = await send(
      h.port,
      method,
      path,
      body === ''
        ? { host: 'hub.test' }
        : {
            host: 'hub.test',
            'content-type': 'application/json',
            'content-length': String(Buffer.byteLength(body)),
          },
      body === '' ? undefined : body,
    )
    assert.equal(codeOf(answer), code, `${method} ${path} ${body.slice(0, 50)}`)
  }
})

test('each answer forbids frames, foreign scripts and sniffing', async (t) => {
  const h = await startTestHub(t)
  for (const path of ['/healthz', '/api/session', '/nothing', '/%zz']) {
    const { headers } = await send(h.port, 'GET', path, { host: 'hub.test' })
    const policy = String(headers['content-security-policy'])
    assert.match(policy, /default-src 'none'/)
    assert.match(policy, /frame-ancestors 'none'/)
    assert.doesNotMatch(policy, /unsafe/)
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['referrer-policy'], 'same-origin')
    assert.equal(headers['x-frame-options'], 'DENY')
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin')
    assert.match(String(headers['permissions-policy']), /camera=\(\)/)
    assert.equal(headers['strict-transport-security'], 'max-age=31536000; includeSubDomains')
  }
})
