/** Row 16: headers that say who one is, on their way to a UI server, and hop-by-hop tricks that would take the hub's own away. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WebSocketServer } from 'ws'
import { sendRaw } from '../harness/http.ts'
import { startServing } from '../harness/serving.ts'
import { until } from '../harness/until.ts'

/** As raw lines: repeated, in any case, with underscores, and listed as belonging to this hop. */
const lies: Readonly<Record<string, readonly string[]>> = {
  'an authorization': ['Authorization: Bearer forged'],
  'two of them in other cases': ['AUTHORIZATION: Bearer a', 'authorization: Bearer b'],
  'one of a proxy': ['Proxy-Authorization: Basic eA==', 'Proxy-Connection: keep-alive'],
  'names of persons': [
    'X-Forwarded-User: admin',
    'X-Remote-User: admin',
    'Remote-User: admin',
    'REMOTE_USER: admin',
    'X_Forwarded_User: admin',
    'X-Seneschal-Person: admin',
    'X-Auth-Request-Email: admin@site.test',
    'X-WEBAUTH-USER: admin',
    'From: admin@site.test',
  ],
  addresses: [
    'X-Forwarded-For: 10.0.0.1',
    'Forwarded: for=10.0.0.1;by=x',
    'X-Real-IP: 10.0.0.1',
    'Via: 1.1 x',
  ],
  'the hub’s own headers as of this hop': ['Connection: keep-alive, authorization, host, accept'],
  'them listed twice': ['Connection: authorization', 'connection: HOST'],
  'what belongs to this hop': ['Keep-Alive: authorization, host'],
  'trailers and upgrades': ['TE: trailers', 'Trailer: authorization', 'HTTP2-Settings: AAMAAABkAAQAAP__'],
  'a token of a session': [
    'X-CSRF-Token: whatever',
    'Origin: https://hub.test',
    'Referer: https://hub.test/secret',
  ],
  'another target': ['X-Original-URL: /actions', 'X-Rewrite-URL: /actions', 'X-HTTP-Method-Override: POST'],
  'an expectation': ['Max-Forwards: 0', 'Early-Data: 1', 'Priority: u=0'],
  'conditions of its own': [
    'If-Match: "x"',
    'If-Unmodified-Since: x',
    'Accept-Encoding: gzip',
    'User-Agent: x',
  ],
}

const expected = new Set(['authorization', 'connection', 'host'])
const expectedOfSocket = new Set([...expected, 'sec-websocket-key', 'sec-websocket-version', 'upgrade'])

const namesOf = (raw: readonly string[]): readonly string[] =>
  raw.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
const headerOf = (raw: readonly string[], name: string): string =>
  raw[raw.findIndex((each, index) => index % 2 === 0 && each.toLowerCase() === name) + 1] ?? ''

test('over HTTP a UI server sees the assertion of the hub and nothing that the browser said', async (t) => {
  let seen: readonly string[] = []
  const hub = await startServing(t, {
    answer: (request, response) => {
      seen = request.rawHeaders
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    },
  })
  await hub.open('atmosphere_stage')
  const { headers } = await hub.signIn('mel')
  const audience = hub.servers.audience('atmosphere_stage')
  for (const [what, lines] of Object.entries(lies)) {
    seen = []
    const closing = lines.some((line) => /^connection:/i.test(line)) ? [] : ['connection: close']
    const head = ['GET /u/atmosphere_stage/workflows HTTP/1.1', 'host: hub.test', `cookie: ${headers.cookie}`]
    const answering = sendRaw(hub.port, `${[...head, ...lines, ...closing].join('\r\n')}\r\n\r\n`)
    await until(() => seen.length > 0)
    if (closing.length > 0) assert.match(await answering, /^HTTP\/1\.1 200 /, what)
    const names = namesOf(seen)
    assert.deepEqual(
      names.filter((name) => !expected.has(name)),
      [],
      what,
    )
    assert.equal(new Set(names).size, names.length, `${what}: none of them twice`)
    const said = await hub.verifier.verifyAssertion(
      headerOf(seen, 'authorization').slice('Bearer '.length),
      audience,
    )
    assert.equal(said.sub, 'mel', what)
  }
})

test('over a WebSocket too', async (t) => {
  let seen: readonly string[] = []
  const sockets = new WebSocketServer({ noServer: true })
  const hub = await startServing(t, {
    upgrade: (request, socket, head) => {
      seen = request.rawHeaders
      sockets.handleUpgrade(request, socket, head, (ws) => ws.terminate())
    },
  })
  await hub.open('atmosphere_stage')
  const { headers } = await hub.signIn('mel')
  const audience = hub.servers.audience('atmosphere_stage')
  const handshake = [
    'GET /u/atmosphere_stage/stream HTTP/1.1',
    'host: hub.test',
    `cookie: ${headers.cookie}`,
    'origin: https://hub.test',
    'upgrade: websocket',
    'connection: Upgrade',
    'sec-websocket-version: 13',
    'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
  ]
  const more = {
    ...lies,
    'protocols and extensions': ['Sec-WebSocket-Protocol: x', 'Sec-WebSocket-Extensions: permessage-deflate'],
  }
  for (const [what, lines] of Object.entries(more)) {
    seen = []
    const kept = lines.filter((line) => !line.startsWith('Origin:'))
    const answer = await sendRaw(hub.port, `${[...handshake, ...kept].join('\r\n')}\r\n\r\n`)
    assert.match(answer, /^HTTP\/1\.1 101 /, what)
    assert.doesNotMatch(answer, /sec-websocket-(?:protocol|extensions)/i, what)
    const names = namesOf(seen)
    assert.deepEqual(
      names.filter((name) => !expectedOfSocket.has(name)),
      [],
      what,
    )
    assert.equal(new Set(names).size, names.length, `${what}: none of them twice`)
    const said = await hub.verifier.verifyAssertion(
      headerOf(seen, 'authorization').slice('Bearer '.length),
      audience,
    )
    assert.equal(said.sub, 'mel', what)
    assert.notEqual(headerOf(seen, 'sec-websocket-key'), 'dGhlIHNhbXBsZSBub25jZQ==')
  }
})
