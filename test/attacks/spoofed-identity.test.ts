/** Threats 16 and 17: headers that say who one is, and the browser's own cookie, on their way to a UI server. */
import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import { test } from 'node:test'
import { WebSocketServer } from 'ws'
import { startServing } from '../harness/serving.ts'

const lies = {
  authorization: 'Bearer forged',
  'proxy-authorization': 'Basic eA==',
  'x-forwarded-for': '10.0.0.1',
  'x-forwarded-user': 'admin',
  'x-remote-user': 'admin',
  'remote-user': 'admin',
  'x-seneschal-person': 'admin',
  forwarded: 'for=10.0.0.1',
  te: 'trailers',
  'x-csrf-token': 'whatever',
  connection: 'keep-alive, authorization, host, x-remote-user',
}

const expected = new Set(['accept', 'authorization', 'connection', 'host'])
const expectedOfSocket = new Set([
  'authorization',
  'connection',
  'host',
  'sec-websocket-key',
  'sec-websocket-version',
  'upgrade',
])

test('over HTTP a UI server sees the assertion of the hub and nothing that the browser said', async (t) => {
  let seen: IncomingHttpHeaders = {}
  const hub = await startServing(t, {
    answer: (request, response) => {
      seen = request.headers
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    },
  })
  await hub.open('atmosphere_stage')
  const mel = await hub.signIn('mel')
  assert.equal((await mel.get('/u/atmosphere_stage/workflows', { ...lies, accept: '*/*' })).status, 200)
  assert.deepEqual(
    Object.keys(seen).filter((name) => !expected.has(name)),
    [],
  )
  const token = String(seen.authorization).slice('Bearer '.length)
  const said = await hub.verifier.verifyAssertion(token, hub.servers.audience('atmosphere_stage'))
  assert.equal(said.sub, 'mel')
})

test('over a WebSocket too', async (t) => {
  let seen: IncomingHttpHeaders = {}
  const sockets = new WebSocketServer({ noServer: true })
  const hub = await startServing(t, {
    upgrade: (request, socket, head) => {
      seen = request.headers
      sockets.handleUpgrade(request, socket, head, () => undefined)
    },
  })
  await hub.open('atmosphere_stage')
  const mel = await hub.signIn('mel')
  const { connection: _, ...others } = lies
  const { socket, closed } = await mel.socket('/u/atmosphere_stage/stream', others)
  assert.deepEqual(
    Object.keys(seen).filter((name) => !expectedOfSocket.has(name)),
    [],
  )
  const token = String(seen.authorization).slice('Bearer '.length)
  const said = await hub.verifier.verifyAssertion(token, hub.servers.audience('atmosphere_stage'))
  assert.equal(said.sub, 'mel')
  socket.close()
  await closed
})
