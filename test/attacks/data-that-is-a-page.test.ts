/** Threats 13 and 49: a hostile UI server answers with pages, cookies, redirects and orders to the browser. */
import assert from 'node:assert/strict'
import type { OutgoingHttpHeaders } from 'node:http'
import { test } from 'node:test'
import { codeOf } from '../harness/code-of.ts'
import { startServing } from '../harness/serving.ts'

type Lie = {
  readonly status?: number
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly body?: string
}

const json = { 'content-type': 'application/json' }

/** What must not pass at all. */
const refused: Readonly<Record<string, Lie>> = {
  'a page': { headers: { 'content-type': 'text/html' }, body: '<script>alert(1)</script>' },
  'a page with charset': { headers: { 'content-type': 'text/html; charset=utf-8' }, body: '<b>' },
  'a page in capitals': { headers: { 'content-type': 'TEXT/HTML' }, body: '<b>' },
  XHTML: { headers: { 'content-type': 'application/xhtml+xml' }, body: '<html/>' },
  SVG: { headers: { 'content-type': 'image/svg+xml' }, body: '<svg onload="alert(1)"/>' },
  'a script': { headers: { 'content-type': 'text/javascript' }, body: 'alert(1)' },
  'a style sheet': { headers: { 'content-type': 'text/css' }, body: 'a{}' },
  'no type at all': { headers: {}, body: '<script>alert(1)</script>' },
  'two types': { headers: { 'content-type': ['text/plain', 'text/html'] }, body: '<b>' },
  'a type in another character set': {
    headers: { 'content-type': 'text/plain; charset=utf-7' },
    body: '+ADw-script+AD4-',
  },
  'something compressed': { headers: { ...json, 'content-encoding': 'gzip' }, body: 'x' },
  'a redirect': { status: 302, headers: { ...json, location: 'https://evil.test/' } },
  'a permanent redirect': { status: 308, headers: { ...json, location: '//evil.test/' } },
  'a request for credentials': { status: 401, headers: { ...json, 'www-authenticate': 'Basic' }, body: '{}' },
  'a proxy challenge': { status: 407, headers: { ...json, 'proxy-authenticate': 'Basic' }, body: '{}' },
  'a status of its own': { status: 299, headers: json, body: '{}' },
  'an upgrade that nobody asked for': { status: 426, headers: { ...json, upgrade: 'h2c' }, body: '{}' },
}

/** What must be taken off an answer that may pass. */
const orders: OutgoingHttpHeaders = {
  'set-cookie': ['__Host-seneschal=stolen; Path=/; Secure', 'a=b'],
  'access-control-allow-origin': '*',
  'access-control-allow-credentials': 'true',
  'alt-svc': 'h2="evil.test:443"',
  'clear-site-data': '"*"',
  'content-disposition': 'attachment; filename=x.html',
  'content-location': 'https://evil.test/',
  'content-security-policy': "default-src *; script-src 'unsafe-inline'",
  'cross-origin-resource-policy': 'cross-origin',
  link: '<https://evil.test/x.js>; rel=preload; as=script',
  location: 'https://evil.test/',
  nel: '{"report_to":"x","max_age":1}',
  'permissions-policy': 'camera=*',
  refresh: '0; url=https://evil.test/',
  'report-to': '{}',
  'service-worker-allowed': '/',
  sourcemap: 'https://evil.test/x.map',
  'strict-transport-security': 'max-age=0',
  'timing-allow-origin': '*',
  trailer: 'set-cookie',
  'www-authenticate': 'Basic realm=x',
  'x-content-type-options': 'sniff',
  'x-frame-options': 'ALLOWALL',
}

test('an answer that is not data becomes 502, and nothing of it passes', async (t) => {
  let lie: Lie = { headers: {} }
  const hub = await startServing(t, {
    answer: (_request, response) => {
      for (const [name, value] of Object.entries(lie.headers)) response.setHeader(name, value)
      response.writeHead(lie.status ?? 200).end(lie.body)
    },
  })
  await hub.open('atmosphere_stage')
  const mel = await hub.signIn('mel')
  for (const [name, each] of Object.entries(refused)) {
    lie = each
    const answer = await mel.get('/u/atmosphere_stage/workflows')
    assert.equal(answer.status, 502, `${name} was answered ${answer.status}`)
    assert.equal(codeOf(answer), 'server.bad-answer', name)
    assert.equal(answer.headers.location, undefined, name)
    assert.equal(answer.headers['www-authenticate'], undefined, name)
  }
})

test('an answer that is data passes without any order to the browser', async (t) => {
  const hub = await startServing(t, {
    answer: (_request, response) => {
      response.writeHead(200, { ...json, ...orders }).end('{"ok":true}')
    },
  })
  await hub.open('atmosphere_stage')
  const mel = await hub.signIn('mel')
  const answer = await mel.get('/u/atmosphere_stage/workflows')
  assert.equal(answer.status, 200)
  const known = new Set([
    'cache-control',
    'connection',
    'content-security-policy',
    'content-type',
    'cross-origin-resource-policy',
    'date',
    'keep-alive',
    'transfer-encoding',
    'x-content-type-options',
  ])
  assert.deepEqual(
    Object.keys(answer.headers).filter((name) => !known.has(name)),
    [],
  )
  assert.equal(answer.headers['content-security-policy'], "sandbox; default-src 'none'")
  assert.equal(answer.headers['cross-origin-resource-policy'], 'same-origin')
  assert.equal(answer.headers['x-content-type-options'], 'nosniff')
})

test('bytes that are no HTTP, heads without end and a lying length harm nobody', async (t) => {
  let bytes = ''
  const hub = await startServing(t, {
    answer: (request) => request.socket.end(bytes),
  })
  await hub.open('atmosphere_stage')
  const mel = await hub.signIn('mel')
  const lies = [
    'SSH-2.0-OpenSSH_10.0\r\n',
    'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}',
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}',
    `HTTP/1.1 200 OK\r\n${`x: ${'y'.repeat(1000)}\r\n`.repeat(40)}\r\n`,
    'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n',
    'HTTP/1.1 200 OK\r\nset-cookie: a=b\n\nHTTP/1.1 200 OK\r\n\r\n',
  ]
  for (const lie of lies) {
    bytes = lie
    const answer = await mel.get('/u/atmosphere_stage/workflows')
    assert.equal(answer.status, 502, `${JSON.stringify(lie.slice(0, 60))} was answered ${answer.status}`)
    assert.equal(answer.headers['set-cookie'], undefined)
  }
})
