/** Threat 55: a UI server answers an upgrade with something other than a right 101. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { sendRaw } from '../harness/http.ts'
import { startServing } from '../harness/serving.ts'

const accept = (request: IncomingMessage) =>
  createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64')

const switching = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n'
const right = (request: IncomingMessage): string =>
  `${switching}upgrade: websocket\r\nsec-websocket-accept: ${accept(request)}\r\n\r\n`
const lies: Readonly<Record<string, (request: IncomingMessage) => string>> = {
  'a page': () => 'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 3\r\n\r\n<b>',
  'a redirect': () => 'HTTP/1.1 302 Found\r\nlocation: https://evil.test/\r\ncontent-length: 0\r\n\r\n',
  'a 101 without an accept key': () => `${switching}upgrade: websocket\r\n\r\n`,
  'a 101 with the wrong accept key': () =>
    `${switching}upgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n`,
  'a 101 to another protocol': (request) =>
    `${switching}upgrade: h2c\r\nsec-websocket-accept: ${accept(request)}\r\n\r\n`,
  'a 101 with an extension': (request) =>
    `${switching}upgrade: websocket\r\nsec-websocket-accept: ${accept(request)}\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n`,
  'a 101 with a subprotocol': (request) =>
    `${switching}upgrade: websocket\r\nsec-websocket-accept: ${accept(request)}\r\nsec-websocket-protocol: x\r\n\r\n`,
  'a 101 without an upgrade': (request) =>
    `HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: ${accept(request)}\r\n\r\n`,
  'a 101 whose connection stays': (request) =>
    `HTTP/1.1 101 Switching Protocols\r\nconnection: keep-alive\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept(request)}\r\n\r\n`,
  'a 101 to two protocols': (request) =>
    `${switching}upgrade: websocket, h2c\r\nsec-websocket-accept: ${accept(request)}\r\n\r\n`,
  'two accept keys': (request) =>
    `${switching}upgrade: websocket\r\nsec-websocket-accept: ${accept(request)}\r\nsec-websocket-accept: x\r\n\r\n`,
  'the key itself for its answer': (request) =>
    `${switching}upgrade: websocket\r\nsec-websocket-accept: ${request.headers['sec-websocket-key']}\r\n\r\n`,
  'an answer in lower case': (request) =>
    `${switching}upgrade: websocket\r\nsec-websocket-accept: ${accept(request).toLowerCase()}\r\n\r\n`,
  'a page before the 101': (request) => `HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n${right(request)}`,
  'bytes before the 101': (request) => `\x81\x02hi${right(request)}`,
  'a line before the 101': (request) => `X\r\n${right(request)}`,
  'a 101 with a body': (request) =>
    `${switching}upgrade: websocket\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\nsec-websocket-accept: ${accept(request)}x\r\n\r\nhello`,
  'a 101 with headers without end': (request) =>
    `${switching}${`x: ${'y'.repeat(1000)}\r\n`.repeat(80)}upgrade: websocket\r\nsec-websocket-accept: ${accept(request)}\r\n\r\n`,
  'one endless header': () => `${switching}x: ${'y'.repeat(100_000)}`,
  'a 101 of HTTP/1.0': (request) => right(request).replace('HTTP/1.1', 'HTTP/1.0').replace('101', '100'),
  'half a 101': (request) => right(request).slice(0, 60),
  'a request for credentials': () =>
    'HTTP/1.1 401 No\r\nwww-authenticate: Basic\r\ncontent-length: 0\r\n\r\n',
  'no content': () => 'HTTP/1.1 204 No Content\r\n\r\n',
  'no HTTP': () => 'hello\r\n\r\n',
  nothing: () => '',
}

const handshake = (cookie: string) =>
  `GET /u/atmosphere_stage/stream HTTP/1.1\r\nhost: hub.test\r\ncookie: ${cookie}\r\norigin: https://hub.test\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`

test('only a right 101 opens a socket; anything else is 502 and nothing is piped', async (t) => {
  let lie: (request: IncomingMessage) => string = () => ''
  const hub = await startServing(t, {
    upgrade: (request, socket) => {
      socket.on('error', () => undefined)
      socket.end(lie(request), 'latin1')
    },
  })
  await hub.open('atmosphere_stage')
  const { headers } = await hub.signIn('mel')
  for (const [name, each] of Object.entries(lies)) {
    lie = each
    const answer = await sendRaw(hub.port, handshake(headers.cookie ?? ''))
    const [head = '', body = '', ...more] = answer.split('\r\n\r\n')
    assert.match(head, /^HTTP\/1\.1 502 /, name)
    assert.deepEqual(more, [], `${name}: nothing behind the answer`)
    const told = head
      .split('\r\n')
      .slice(1)
      .map((line) => line.split(':')[0])
    assert.deepEqual(told, ['content-type', 'content-length', 'cache-control', 'connection'], name)
    assert.match(body, /^\{"error":\{"code":"(?:server\.bad-answer|tunnel\.closed)",/, name)
  }
  assert.equal(hub.live.count(), 0)
})

test('one that never answers, or never ends its answer, is given up', async (t) => {
  let said: readonly string[] = []
  const hub = await startServing(t, {
    openMs: 100,
    upgrade: (_request, socket) => {
      socket.on('error', () => undefined)
      for (const line of said) socket.write(line)
    },
  })
  await hub.open('atmosphere_stage')
  const { headers } = await hub.signIn('mel')
  for (said of [[], ['HTTP/1.1 101 '], [switching], ['HTTP/1.1 100 Continue\r\n\r\n'], ['\r\n\r\n\r\n']]) {
    const answer = await sendRaw(hub.port, handshake(headers.cookie ?? ''))
    assert.match(answer, /^HTTP\/1\.1 504 /, said.join())
    assert.match(answer, /"code":"server\.timeout"/)
  }
  assert.equal(hub.live.count(), 0)
})

test('one that opens rightly and then speaks nonsense is cut, and none of it reaches the browser', async (t) => {
  const hub = await startServing(t, {
    upgrade: (request, socket) => {
      socket.write(`${switching}upgrade: websocket\r\nsec-websocket-accept: ${accept(request)}\r\n\r\n`)
      setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nset-cookie: a=b\r\n\r\n<script>'), 20)
    },
  })
  await hub.open('atmosphere_stage')
  const mel = await hub.signIn('mel')
  const { messages, closed, socket } = await mel.socket('/u/atmosphere_stage/stream')
  socket.on('error', (error) => assert.fail(`the browser was given nonsense: ${error.message}`))
  assert.equal(await closed, 1006)
  assert.deepEqual(messages, [])
})
