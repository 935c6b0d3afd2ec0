import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, createServer, get, type Server } from 'node:http'
import { connect, createServer as createNetServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pairStreams } from '../../wire/pair.ts'
import { createTunnelClient, serveTunnel, type TunnelClient, type TunnelOptions } from '../../wire/tunnel.ts'
import { until } from '../harness/until.ts'

type Far = {
  readonly tunnel: TunnelClient
  readonly carriers: Socket[]
  /** Connections that the far side accepted so far. */
  readonly accepted: () => number
}

/** A tunnel over a real Unix socket; its near end is a paired stream, as with a child or an SSH channel. */
const withTunnel = async (
  t: TestContext,
  onStream: (stream: Duplex) => void,
  options: Partial<TunnelOptions> = {},
): Promise<Far> => {
  const dir = await mkdtemp(join(tmpdir(), 'tunnel-'))
  const path = join(dir, 's')
  let count = 0
  const far = createNetServer((socket) => {
    count += 1
    serveTunnel(socket, onStream)
  })
  far.listen(path)
  await once(far, 'listening')
  const carriers: Socket[] = []
  const tunnel = createTunnelClient({
    open: async () => {
      const socket = connect(path)
      await once(socket, 'connect')
      carriers.push(socket)
      return pairStreams(socket, socket)
    },
    ...options,
  })
  t.after(async () => {
    tunnel.close()
    for (const socket of carriers) socket.destroy()
    far.close()
    await rm(dir, { recursive: true })
  })
  return { tunnel, carriers, accepted: () => count }
}

/** Unlike `once`, not bothered by an 'error' before it. */
const closed = (stream: Duplex) => new Promise((resolve) => stream.once('close', resolve))

const echo = (stream: Duplex) => {
  stream.pipe(stream)
}

const serveHttp = (server: Server) => (stream: Duplex) => {
  server.emit('connection', stream)
}

/** One HTTP/1.1 request over one fresh stream. */
const request = async (tunnel: TunnelClient, path: string): Promise<{ status: number; body: Buffer }> => {
  const stream = await tunnel.dial()
  const agent = new Agent()
  agent.createConnection = () => stream
  const call = get({ path, host: 'server', agent })
  const [answer] = await once(call, 'response')
  const parts: Buffer[] = []
  for await (const part of answer) parts.push(part)
  stream.destroy()
  return { status: answer.statusCode, body: Buffer.concat(parts) }
}

test('a caller gets each byte back in order over many streams at once', async (t) => {
  const { tunnel } = await withTunnel(t, echo)
  const digest = (data: Buffer) => createHash('sha256').update(data).digest('hex')
  const one = async (size: number) => {
    const sent = randomBytes(size)
    const stream = await tunnel.dial()
    const parts: Buffer[] = []
    stream.on('data', (part) => parts.push(part))
    stream.end(sent)
    await once(stream, 'end')
    assert.equal(digest(Buffer.concat(parts)), digest(sent))
  }
  await Promise.all(Array.from({ length: 48 }, (_, index) => one(100_000 + index * 7919)))
})

test('a caller reaches an HTTP/1.1 server through a stream', async (t) => {
  const server = createServer((_, answer) => answer.end('hello'))
  const { tunnel } = await withTunnel(t, serveHttp(server))
  const { status, body } = await request(tunnel, '/')
  assert.deepEqual([status, body.toString()], [200, 'hello'])
})

test('the 33rd stream opens a second session, and streams beyond all sessions share them', async (t) => {
  const { tunnel, accepted } = await withTunnel(t, echo, { maxSessions: 2 })
  const dial = (count: number) => Promise.all(Array.from({ length: count }, () => tunnel.dial()))
  await dial(32)
  assert.equal(accepted(), 1)
  await dial(1)
  assert.equal(accepted(), 2)
  await dial(67)
  assert.equal(accepted(), 2)
})

test('a far side that opens no second session still serves further streams over the first', async (t) => {
  let opened = 0
  const dir = await mkdtemp(join(tmpdir(), 'tunnel-'))
  const far = createNetServer((socket) => void serveTunnel(socket, echo))
  far.listen(join(dir, 's'))
  await once(far, 'listening')
  const tunnel = createTunnelClient({
    open: async () => {
      opened += 1
      if (opened > 1) throw new Error('no more channels')
      return connect(join(dir, 's'))
    },
    streamsPerSession: 2,
  })
  t.after(async () => {
    tunnel.close()
    far.close()
    await rm(dir, { recursive: true })
  })
  const streams = await Promise.all(Array.from({ length: 5 }, () => tunnel.dial()))
  assert.equal(streams.filter((stream) => stream.writable).length, 5)
  assert.equal(opened, 2)
})

test('a caller whose session broke dials again over a new one', async (t) => {
  const { tunnel, carriers, accepted } = await withTunnel(t, echo)
  const first = await tunnel.dial()
  carriers[0]?.destroy()
  await closed(first)
  const second = await tunnel.dial()
  second.write('x')
  assert.equal(String((await once(second, 'data'))[0]), 'x')
  assert.equal(accepted(), 2)
})

test('a far side from which nothing more comes is given up', async (t) => {
  const { tunnel, carriers } = await withTunnel(t, echo, { pingEvery: 40, deadAfter: 200 })
  const stream = await tunnel.dial()
  await sleep(300)
  assert.equal(stream.destroyed, false)
  const closing = closed(stream)
  const started = performance.now()
  carriers[0]?.removeAllListeners('data').resume()
  await closing
  assert.ok(performance.now() - started < 2000)
})

test('a stream that nobody reads is cut, one that is idle is not', async (t) => {
  const { tunnel } = await withTunnel(t, (stream) => void stream.write(Buffer.alloc(1_000_000)), {
    stalledAfter: 120,
  })
  const unread = await tunnel.dial()
  const started = performance.now()
  await closed(unread)
  assert.ok(performance.now() - started < 2000)

  const { tunnel: quiet } = await withTunnel(t, echo, { stalledAfter: 60 })
  const idle = await quiet.dial()
  await sleep(200)
  assert.equal(idle.destroyed, false)
})

test('a slow reader is not cut while it reads', async (t) => {
  const size = 400_000
  const { tunnel } = await withTunnel(t, (stream) => void stream.end(Buffer.alloc(size)), {
    stalledAfter: 100,
  })
  const stream = await tunnel.dial()
  let taken = 0
  while (taken < size) {
    const part = stream.read(20_000) ?? stream.read()
    if (part === null) await Promise.race([once(stream, 'readable'), once(stream, 'end')])
    else taken += part.length
    await sleep(15)
  }
  assert.equal(taken, size)
})

test('a caller who gives up while dialling gets its own reason', async (t) => {
  const { tunnel } = await withTunnel(t, echo, {
    open: (signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  })
  const controller = new AbortController()
  const dialling = tunnel.dial(controller.signal)
  controller.abort(new Error('changed my mind'))
  await assert.rejects(dialling, /changed my mind/)
})

test('a caller who gives up in the same turn gets no stream, and leaves none', async (t) => {
  const { tunnel, accepted } = await withTunnel(t, echo, { streamsPerSession: 1, maxSessions: 2 })
  const first = await tunnel.dial()
  first.destroy()
  await closed(first)
  const controller = new AbortController()
  const dialling = tunnel.dial(controller.signal)
  controller.abort(new Error('changed my mind'))
  await assert.rejects(dialling, /changed my mind/)
  await tunnel.dial()
  assert.equal(accepted(), 1)
})

test('whoever wants to know is told that a tunnel broke, and not that a part of it, or all, was closed', async (t) => {
  let lost = 0
  const onLost = () => {
    lost += 1
  }
  const { tunnel, carriers } = await withTunnel(t, echo, { streamsPerSession: 1, spareAfter: 10, onLost })
  const [first, second] = await Promise.all([tunnel.dial(), tunnel.dial()])
  second.destroy()
  await until(() => carriers.filter(({ destroyed }) => destroyed).length === 1)
  assert.deepEqual([lost, first.destroyed], [0, false])
  for (const carrier of carriers) carrier.destroy()
  await until(() => lost === 1)
  const again = await tunnel.dial()
  tunnel.close()
  await closed(again)
  assert.equal(lost, 1)
})

test('a closed tunnel refuses and says so', async (t) => {
  const { tunnel } = await withTunnel(t, echo)
  const stream = await tunnel.dial()
  const closing = closed(stream)
  tunnel.close()
  await Promise.all([tunnel.closed, closing])
  await assert.rejects(tunnel.dial(), { code: 'tunnel.closed' })
})
