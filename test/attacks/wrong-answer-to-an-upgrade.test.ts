/** Threat 55: a UI server answers an upgrade with something other than a right 101. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { startServing } from '../harness/serving.ts'

const accept = (request: IncomingMessage) =>
  createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64')

const switching = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n'
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
  'no HTTP': () => 'hello\r\n\r\n',
  nothing: () => '',
}

test('only a right 101 opens a socket; anything else is 502 and nothing is piped', async (t) => {
  let lie: (request: IncomingMessage) => string = () => ''
  const hub = await startServing(t, {
    upgrade: (request, socket) => socket.end(lie(request)),
  })
  await hub.open('atmosphere_stage')
  const mel = await hub.signIn('mel')
  for (const [name, each] of Object.entries(lies)) {
    lie = each
    await assert.rejects(mel.socket('/u/atmosphere_stage/stream'), { status: 502 }, name)
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
