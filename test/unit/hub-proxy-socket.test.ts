import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { type WebSocket, WebSocketServer } from 'ws'
import { closeCodes } from '../../protocol/frames.ts'
import { startServing } from '../harness/serving.ts'
import { layer, snapshotOf } from '../harness/site-feed.ts'
import { until } from '../harness/until.ts'

type Opened = {
  readonly ws: WebSocket
  /** Beneath it, for bytes that no WebSocket library would write. */
  readonly raw: Duplex
  readonly request: IncomingMessage
  readonly heard: string[]
}

/** A UI server that really speaks WebSocket: keeps what it hears, says what the test lets it. */
const speaking = async (t: TestContext, options: { readonly refreshMs?: number } = {}) => {
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  const opened: Opened[] = []
  const upgrade = (request: IncomingMessage, raw: Duplex, head: Buffer) =>
    server.handleUpgrade(request, raw, head, (ws) => {
      const heard: string[] = []
      ws.on('message', (data) => heard.push(String(data)))
      opened.push({ ws, raw, request, heard })
    })
  const hub = await startServing(t, { upgrade, ...options })
  await hub.open('atmosphere_stage')
  return { hub, opened }
}

test('what the UI server says reaches the browser as it is; what the browser says reaches nobody', async (t) => {
  const { hub, opened } = await speaking(t)
  const mel = await hub.signIn('mel')
  const { socket, messages, closed } = await mel.socket('/u/atmosphere_stage/stream?workflow=clouds&since=4')
  const [upstream] = opened
  assert.equal(upstream?.request.url, '/stream?workflow=clouds&since=4')
  const texts = ['small', 'x'.repeat(300), randomBytes(100_000).toString('base64'), '']
  for (const text of texts) upstream?.ws.send(text)
  await until(() => messages.length === texts.length)
  assert.deepEqual(messages, texts)
  socket.send('{"type":"hold"}')
  socket.ping()
  upstream?.ws.send('after')
  await until(() => messages.includes('after'))
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.deepEqual(upstream?.heard, [])
  socket.close()
  assert.equal(await closed, 1000)
  await until(() => upstream?.ws.readyState === 3 && hub.live.count() === 0)
})

test('the hub sends fresh assertions by itself, each one good', async (t) => {
  const { hub, opened } = await speaking(t, { refreshMs: 30 })
  const mel = await hub.signIn('mel', ['oidc/ops'])
  const { socket, closed } = await mel.socket('/u/atmosphere_stage/stream')
  await until(() => (opened[0]?.heard.length ?? 0) >= 3)
  for (const token of opened[0]?.heard ?? []) {
    const said = await hub.verifier.verifyAssertion(token, hub.servers.audience('atmosphere_stage'))
    assert.deepEqual([said.sub, said.groups], ['mel', ['oidc/ops']])
  }
  socket.close()
  await closed
})

test('a group that permissions name from now on is told at once', async (t) => {
  const { hub, opened } = await speaking(t)
  const mel = await hub.signIn('mel', ['oidc/late', 'oidc/ops'])
  const { closed, socket } = await mel.socket('/u/atmosphere_stage/stream')
  await hub.feed.permissions(
    snapshotOf({
      version: 2,
      site: layer({ read: ['everyone'], execute: ['everyone', '!group:oidc/late'] }),
      accounts: { atmosphere_stage: { owners: [], cli: 'refuse', workflows: {} } },
    }),
  )
  await until(() => opened[0]?.heard.length === 1)
  const audience = hub.servers.audience('atmosphere_stage')
  const said = await hub.verifier.verifyAssertion(opened[0]?.heard[0] ?? '', audience)
  assert.deepEqual(said.groups, ['oidc/late'])
  socket.close()
  await closed
})

test('a session that ends takes its sockets with it within a second, with our code', async (t) => {
  const { hub } = await speaking(t)
  const mel = await hub.signIn('mel')
  const jacintar = await hub.signIn('jacintar')
  const ended = await mel.socket('/u/atmosphere_stage/stream')
  const kept = await jacintar.socket('/u/atmosphere_stage/stream')
  const since = performance.now()
  await hub.endSession(mel)
  assert.equal(await ended.closed, closeCodes.sessionEnded)
  assert.ok(performance.now() - since < 1000)
  assert.equal(kept.socket.readyState, 1)
  kept.socket.close()
  await kept.closed
})

test('our close waits for the end of a frame', async (t) => {
  const { hub, opened } = await speaking(t)
  const mel = await hub.signIn('mel')
  const { messages, closed } = await mel.socket('/u/atmosphere_stage/stream')
  opened[0]?.raw.write(Buffer.from([0x81, 4, 0x61, 0x62]))
  await new Promise((resolve) => setTimeout(resolve, 50))
  await hub.endSession(mel)
  opened[0]?.raw.write(Buffer.from([0x63, 0x64, 0x81, 2, 0x65, 0x66]))
  assert.equal(await closed, closeCodes.sessionEnded)
  assert.ok(messages.length >= 1 && messages.every((text) => ['abcd', 'ef'].includes(text)), String(messages))
})

test('a frame that does not end keeps no socket open', async (t) => {
  const { hub, opened } = await speaking(t)
  const mel = await hub.signIn('mel')
  const { messages, closed } = await mel.socket('/u/atmosphere_stage/stream')
  opened[0]?.raw.write(Buffer.from([0x81, 4, 0x61]))
  await new Promise((resolve) => setTimeout(resolve, 50))
  const since = performance.now()
  await hub.endSession(mel)
  assert.equal(await closed, 1006)
  assert.ok(performance.now() - since < 1000)
  assert.deepEqual(messages, [])
})

test('a person who may not look any more loses the socket at once, others keep theirs', async (t) => {
  const { hub } = await speaking(t)
  const mel = await hub.signIn('mel')
  const jacintar = await hub.signIn('jacintar')
  const lost = await mel.socket('/u/atmosphere_stage/stream')
  const kept = await jacintar.socket('/u/atmosphere_stage/stream')
  const entry = { owners: [], cli: 'refuse', workflows: {} } as const
  await hub.feed.permissions(
    snapshotOf({
      version: 2,
      accounts: { atmosphere_stage: entry, oceans_stage: entry },
      site: { rules: { read: ['everyone', '!user:mel'] }, source: { file: 'site.yaml', lines: {} } },
    }),
  )
  assert.equal(await lost.closed, closeCodes.forbidden)
  assert.equal(kept.socket.readyState, 1)
  kept.socket.close()
  await kept.closed
})

test('the close of a UI server, like its death, is told as a restart', async (t) => {
  const { hub, opened } = await speaking(t)
  const mel = await hub.signIn('mel')
  const first = await mel.socket('/u/atmosphere_stage/stream')
  opened[0]?.ws.close(closeCodes.slow)
  assert.equal(await first.closed, closeCodes.restart)
  const second = await mel.socket('/u/atmosphere_stage/stream')
  opened[1]?.ws.terminate()
  assert.equal(await second.closed, closeCodes.restart)
  await until(() => hub.live.count() === 0)
})

test('a browser that reads nothing does not make the hub gather what it is sent', async (t) => {
  const { hub, opened } = await speaking(t)
  const mel = await hub.signIn('mel')
  const socket = connect(hub.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(
    `GET /u/atmosphere_stage/stream HTTP/1.1\r\nhost: hub.test\r\ncookie: ${mel.headers.cookie}\r\norigin: https://hub.test\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  )
  await until(() => opened.length === 1)
  const ws = opened[0]?.ws
  for (let count = 0; count < 400; count += 1) ws?.send(Buffer.alloc(64 * 1024))
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.ok((ws?.bufferedAmount ?? 0) > 8 * 1024 * 1024, `only ${ws?.bufferedAmount} bytes still wait`)
  socket.destroy()
  await until(() => hub.live.count() === 0)
})

test('the stranger, the kiosk and whoever wants anything but the stream are refused', async (t) => {
  const { hub, opened } = await speaking(t)
  const mel = await hub.signIn('mel')
  const kiosk = await hub.kiosk(null)
  await assert.rejects(mel.socket('/u/atmosphere_stage/stream', { cookie: '' }), { status: 401 })
  await assert.rejects(kiosk.socket('/u/atmosphere_stage/stream'), { status: 403 })
  await assert.rejects(mel.socket('/u/atmosphere_stage/actions'), { status: 404 })
  await assert.rejects(mel.socket('/u/oceans_stage/stream'), { status: 503 })
  assert.equal(opened.length, 0)
})
