/** The pages and what is public beside them. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { brotliCompressSync } from 'node:zlib'
import { codeOf } from '../harness/code-of.ts'
import { send } from '../harness/http.ts'
import { origin, startTestHub, type TestHub } from '../harness/hub.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const page = { host: 'hub.test', accept: 'text/html,*/*' }

const pages = async (t: TestContext): Promise<TestHub> => {
  const dir = await temporaryDirectory(t)
  mkdirSync(join(dir, 'assets'))
  writeFileSync(join(dir, 'index.html'), '<!doctype html><title>Seneschal</title>')
  writeFileSync(join(dir, 'favicon.svg'), '<svg/>')
  writeFileSync(join(dir, 'assets/index-abc123.js'), 'export {}')
  writeFileSync(join(dir, 'assets/index-abc123.js.br'), brotliCompressSync('export {}'))
  writeFileSync(join(dir, 'secret.json'), '{}')
  return startTestHub(t, { config: { webDir: dir } })
}

test('every place is the one document, fresh each time; assets are kept for ever', async (t) => {
  const h = await pages(t)
  for (const path of ['/', '/wall', '/accounts/atmosphere_stage/workflows/clouds?cycle=1']) {
    const answer = await send(h.port, 'GET', path, page)
    assert.equal(answer.status, 200, path)
    assert.match(answer.text, /<title>Seneschal/)
    assert.equal(answer.headers['cache-control'], 'no-store')
    assert.match(String(answer.headers['content-type']), /^text\/html/)
  }
  const asset = await send(h.port, 'GET', '/assets/index-abc123.js', { host: 'hub.test' })
  assert.equal(asset.text, 'export {}')
  assert.equal(asset.headers['cache-control'], 'public, max-age=31536000, immutable')
  assert.equal((await send(h.port, 'GET', '/favicon.svg', { host: 'hub.test' })).status, 200)
})

test('a browser that takes it gets what was compressed beforehand', async (t) => {
  const h = await pages(t)
  const answer = await fetch(`http://127.0.0.1:${h.port}/assets/index-abc123.js`, {
    headers: { 'accept-encoding': 'br' },
  })
  assert.equal(answer.headers.get('content-encoding'), 'br')
  assert.match(answer.headers.get('vary') ?? '', /accept-encoding/i)
  assert.equal(await answer.text(), 'export {}')
})

test('what is no place and no file of the pages is not there', async (t) => {
  const h = await pages(t)
  for (const path of [
    '/api/nothing',
    '/auth/nothing',
    '/assets/index-old.js',
    '/assets/',
    '/assets/../secret.json',
    '/assets/%2e%2e/secret.json',
    '/assets/..%2fsecret.json',
    '/secret.json',
    '/package.json',
  ]) {
    const answer = await send(h.port, 'GET', path, { host: 'hub.test', accept: '*/*' })
    assert.equal(answer.status, 404, path)
    assert.equal(codeOf(answer), 'route.unknown', path)
  }
  for (const path of ['/api/nothing', '/auth/nothing', '/u/nothing'])
    assert.doesNotMatch((await send(h.port, 'GET', path, page)).text, /<title>/, path)
  assert.equal((await send(h.port, 'POST', '/wall', page)).status, 404)
})

test('a hub whose pages were not built says so and does not start', async (t) => {
  const dir = await temporaryDirectory(t)
  await assert.rejects(startTestHub(t, { config: { webDir: dir } }), /build the pages first/)
})

test('whoever runs the hub learns that it lives, that it is ready, and its public keys', async (t) => {
  const h = await startTestHub(t)
  const get = (path: string) => send(h.port, 'GET', path, { host: 'hub.test' })
  assert.deepEqual((await get('/healthz')).status, 200)
  assert.deepEqual((await get('/readyz')).body, {
    ready: true,
    checks: { database: true, permissions: true },
  })
  const { keys } = (await get('/.well-known/jwks.json')).body as { keys: Record<string, unknown>[] }
  assert.equal(keys.length, 1)
  assert.deepEqual(Object.keys(keys[0] ?? {}).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x'])
})

test('Prometheus on this host gets counts without names, and nobody beyond a proxy gets any', async (t) => {
  const h = await startTestHub(t, { config: { trustedProxies: ['127.0.0.1'] } })
  const metrics = await send(h.port, 'GET', '/metrics', { host: 'hub.test' })
  assert.equal(metrics.status, 200)
  assert.match(metrics.text, /^seneschal_hub_permissions_fresh 1$/m)
  assert.match(metrics.text, /^seneschal_hub_servers\{state="off"\} [0-9]+$/m)
  assert.match(metrics.text, /^seneschal_hub_server_starts\{state="waiting"\} 0$/m)
  assert.doesNotMatch(metrics.text, /atmosphere|jacintar/)
  for (const trusted of [true, false]) {
    const hub = trusted ? h : await startTestHub(t)
    const away = await send(hub.port, 'GET', '/metrics', { host: 'hub.test', 'x-forwarded-for': '127.0.0.1' })
    assert.deepEqual([away.status, codeOf(away)], [404, 'route.unknown'], 'a proxy is loopback too')
    await send(hub.port, 'GET', '/healthz', { host: 'hub.test', 'x-forwarded-for': '192.0.2.7' })
    const warned = hub.logged().match(/not among trustedProxies/g) ?? []
    assert.equal(warned.length, trusted ? 0 : 1, 'told once')
  }
  const away = await send(h.port, 'GET', '/metrics', { host: 'hub.test', 'x-forwarded-for': '192.0.2.7' })
  assert.deepEqual([away.status, codeOf(away)], [404, 'route.unknown'])
})

test('a browser that leaves before it is answered is no error in the log', async (t) => {
  const h = await startTestHub(t, { answer: () => undefined })
  const browser = await h.signIn('mel')
  await browser.change('POST', '/api/accounts/atmosphere_stage/server')
  await until(() => h.spawner.running.size === 1)
  const path = '/u/atmosphere_stage/workflows'
  const cookie = browser.cookieHeader(new URL(path, origin))
  const asked = get({
    port: h.port,
    host: '127.0.0.1',
    path,
    headers: { host: 'hub.test', cookie },
    agent: false,
  })
  asked.on('error', () => undefined)
  await until(() => h.spawner.dials.length > 0)
  asked.destroy()
  const lines = () =>
    h
      .logged()
      .split('\n')
      .filter((line) => line.includes('lost.connection'))
      .map((line) => JSON.parse(line) as { level: number })
  await until(() => lines().length > 0)
  assert.deepEqual(
    lines().map(({ level }) => level),
    [20],
  )
})
