/** Threat 54: a browser that aborts thousands of requests and leaves hundreds of downloads unread hurts nobody else. */
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { WebSocketServer } from 'ws'
import { startServing } from '../harness/serving.ts'
import { until } from '../harness/until.ts'

const aborts = 1000
const unread = 100

test('while one browser aborts and reads nothing, another reads on and keeps its socket', async (t) => {
  const piece = Buffer.alloc(64 * 1024)
  const sockets = new WebSocketServer({ noServer: true })
  let open = 0
  const hub = await startServing(t, {
    answer: (incoming, response) => {
      if (incoming.url === '/small') {
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
        return
      }
      open += 1
      response.once('close', () => {
        open -= 1
      })
      response.writeHead(200, { 'content-type': 'application/octet-stream' })
      response.write(piece)
      // Browser, hub and UI server share one thread here: an endless download would measure that.
      if (incoming.url?.startsWith('/slow') === true) return
      const fill = () => {
        while (!response.destroyed && response.write(piece));
      }
      response.on('drain', fill)
      fill()
    },
    upgrade: (incoming, socket, head) => sockets.handleUpgrade(incoming, socket, head, () => undefined),
  })
  await hub.open('atmosphere_stage')
  const bad = await hub.signIn('jacintar')
  const good = await hub.signIn('mel')
  const stream = await good.socket('/u/atmosphere_stage/stream')

  const paused: Socket[] = []
  for (let count = 0; count < unread; count += 1) {
    const socket = connect(hub.port, '127.0.0.1').pause()
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    socket.write(`GET /u/atmosphere_stage/big HTTP/1.1\r\nhost: x\r\ncookie: ${bad.headers.cookie}\r\n\r\n`)
    paused.push(socket)
  }
  await until(() => open === unread, 20_000)

  const times: number[] = []
  /** Requests that the hub has begun with, each with what is to be done about it. */
  const begun = new Map<string, () => void>()
  const onBegin = (message: unknown) => {
    const { url } = (message as { readonly request: IncomingMessage }).request
    begun.get(url ?? '')?.()
  }
  subscribe('http.server.request.start', onBegin)
  t.after(() => unsubscribe('http.server.request.start', onBegin))

  let aborted = 0
  /** One before there is an answer, the next one in the middle of it. */
  const abortOne = async () => {
    aborted += 1
    const path = `/u/atmosphere_stage/slow?${aborted}`
    const get = request({ port: hub.port, host: '127.0.0.1', path, headers: bad.headers, agent: false })
    const closed = new Promise((resolve) => get.on('error', () => undefined).once('close', resolve))
    const abort = () => get.destroy()
    if (aborted % 2 === 0) get.once('response', abort)
    else begun.set(path, abort)
    get.end()
    await closed
    begun.delete(path)
  }
  const aborting = (async () => {
    while (aborted < aborts) await Promise.all(Array.from({ length: 10 }, abortOne))
  })()
  while (aborted < aborts) {
    const since = performance.now()
    assert.equal((await good.get('/u/atmosphere_stage/small')).status, 200)
    times.push(performance.now() - since)
  }
  await aborting
  assert.equal(stream.socket.readyState, 1)
  times.sort((a, b) => a - b)
  const [median = Number.NaN, slowest = Number.NaN] = [times[times.length >> 1], times.at(-1)]
  // Room for a busy machine and for three programs in one thread; where every part has its own process, and in
  // milliseconds, test/integration/tunnel.test.ts asks the same.
  assert.ok(median < 250, `half of the small requests took longer than ${median.toFixed(0)} ms`)
  assert.ok(slowest < 5000, `the slowest small request took ${slowest.toFixed(0)} ms`)
  for (const socket of paused) socket.destroy()
  await until(() => open === 0, 20_000)
  stream.socket.close()
  await stream.closed
})
