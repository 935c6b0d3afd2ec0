/** Threats 13 and 49: a hostile UI server answers with pages, cookies, redirects and orders to the browser. */
import assert from 'node:assert/strict'
import type { OutgoingHttpHeaders } from 'node:http'
import { test } from 'node:test'
import { codeOf } from '../harness/code-of.ts'
import { sendRaw } from '../harness/http.ts'
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
  'a redirect to a page of the hub': { status: 303, headers: { location: '/auth/login?return=/' } },
  'a temporary redirect': { status: 307, headers: { ...json, location: '/' } },
  'a choice of places': { status: 300, headers: { ...json, location: '/' }, body: '{}' },
  'an order to start afresh': { status: 205, headers: { 'clear-site-data': '"*"' } },
  'a status of several': { status: 207, headers: json, body: '{}' },
  'a reason by law': {
    status: 451,
    headers: { ...json, link: '<https://evil.test>; rel=blocked-by' },
    body: '{}',
  },
  'a fault with a page': {
    status: 500,
    headers: { 'content-type': 'text/html' },
    body: '<script>alert(1)</script>',
  },
  'a fault with a cookie': { status: 502, headers: { ...json, 'set-cookie': 'a=b' }, body: '{}' },
  'a type with a page behind it': { headers: { 'content-type': 'text/plain, text/html' }, body: '<b>' },
  'a type that is a list': { headers: { 'content-type': 'application/json;text/html' }, body: '<b>' },
  'a type to be guessed': { headers: { 'content-type': '*/*' }, body: '<b>' },
  'an unknown type': { headers: { 'content-type': 'application/unknown' }, body: '<b>' },
  PDF: { headers: { 'content-type': 'application/pdf' }, body: '%PDF' },
  XML: { headers: { 'content-type': 'text/xml' }, body: '<x/>' },
  'a message in parts': { headers: { 'content-type': 'multipart/x-mixed-replace; boundary=x' }, body: '--x' },
  'a page for Windows': { headers: { 'content-type': 'message/rfc822' }, body: 'x' },
  'JSON-P': { headers: { 'content-type': 'application/javascript' }, body: 'x({})' },
  'a manifest': { headers: { 'content-type': 'application/manifest+json' }, body: '{}' },
  'events as a stream': { headers: { 'content-type': 'text/event-stream' }, body: 'data: x\n\n' },
  WebAssembly: { headers: { 'content-type': 'application/wasm' }, body: 'x' },
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

const known = new Set([
  'accept-ranges',
  'cache-control',
  'connection',
  'content-length',
  'content-security-policy',
  'content-type',
  'cross-origin-resource-policy',
  'date',
  'etag',
  'keep-alive',
  'last-modified',
  'transfer-encoding',
  'x-content-type-options',
])

test('an answer that is data passes without any order to the browser, under whatever status', async (t) => {
  let status = 200
  let sent: OutgoingHttpHeaders = {}
  const hub = await startServing(t, {
    answer: (_request, response) => {
      response
        .writeHead(status, { ...json, ...sent })
        .end(status === 204 || status === 304 ? undefined : '{"ok":true}')
    },
  })
  await hub.open('atmosphere_stage')
  const mel = await hub.signIn('mel')
  // Node announces trailers for bodies only.
  const { trailer, ...always } = orders
  const alone = Object.entries(always).map(([name, value]) => ({ [name]: value }))
  for (status of [200, 204, 206, 304, 400, 403, 404, 409, 416, 429, 503])
    for (const each of [always, ...alone, ...(status === 204 || status === 304 ? [] : [{ trailer }])]) {
      sent = each
      const answer = await mel.get('/u/atmosphere_stage/workflows')
      const what = `${status} with ${Object.keys(each).join()}`
      assert.equal(answer.status, status, what)
      assert.deepEqual(
        Object.keys(answer.headers).filter((name) => !known.has(name)),
        [],
        what,
      )
      assert.equal(answer.headers['content-security-policy'], "sandbox; default-src 'none'", what)
      assert.equal(answer.headers['cross-origin-resource-policy'], 'same-origin', what)
      assert.equal(answer.headers['x-content-type-options'], 'nosniff', what)
      assert.equal(answer.headers['cache-control'], 'no-store', what)
    }
})

test('a header that may pass does so only as what it is for', async (t) => {
  let sent: OutgoingHttpHeaders = {}
  const hub = await startServing(t, {
    answer: (_request, response) => void response.writeHead(200, { ...json, ...sent }).end('{}'),
  })
  await hub.open('atmosphere_stage')
  const mel = await hub.signIn('mel')
  const lies: readonly (readonly [name: string, value: string | string[]])[] = [
    ['etag', 'x'],
    ['etag', '"a", "b"'],
    ['etag', `"${'x'.repeat(200)}"`],
    ['etag', ['"a"', '"b"']],
    ['last-modified', 'x;<script>'],
    ['accept-ranges', 'pages'],
    ['content-range', 'bytes 0-1/2, x'],
    ['cache-control', 'public, max-age=31536000'],
    ['vary', '*'],
    ['age', '1'],
    ['expires', 'Thu, 01 Jan 2099 00:00:00 GMT'],
    ['pragma', 'cache'],
  ]
  for (const [name, value] of lies) {
    sent = { [name]: value }
    const answer = await mel.get('/u/atmosphere_stage/workflows')
    const told = answer.headers[name]
    assert.equal(told, name === 'cache-control' ? 'no-store' : undefined, `${name}: ${value}`)
  }
})

test('early hints and trailers reach nobody', async (t) => {
  const hub = await startServing(t, {
    answer: (request) => {
      request.socket.end(
        'HTTP/1.1 103 Early Hints\r\nlink: </x.js>; rel=preload; as=script\r\n\r\nHTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\ntrailer: set-cookie\r\n\r\n2\r\n{}\r\n0\r\nset-cookie: a=b\r\n\r\n',
      )
    },
  })
  await hub.open('atmosphere_stage')
  const { headers } = await hub.signIn('mel')
  const head = `GET /u/atmosphere_stage/workflows HTTP/1.1\r\nhost: hub.test\r\ncookie: ${headers.cookie}\r\nte: trailers\r\nconnection: close\r\n\r\n`
  const answer = await sendRaw(hub.port, head)
  assert.match(answer, /^HTTP\/1\.1 200 /)
  assert.doesNotMatch(answer, /set-cookie|a=b|link|103/i)
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
