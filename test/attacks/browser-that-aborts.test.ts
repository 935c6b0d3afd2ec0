/** Threat 54: a browser that aborts hundreds of requests and leaves downloads unread hurts nobody else. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { WebSocketServer } from 'ws'
import { startServing } from '../harness/serving.ts'
import { until } from '../harness/until.ts'

const aborts = 400
const unread = 40

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
      if (incoming.url === '/slow') return
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
  await until(() => open === unread)

  let slowest = 0
  let aborted = 0
  const abortOne = async () => {
    const get = request({
      port: hub.port,
      host: '127.0.0.1',
      path: '/u/atmosphere_stage/slow',
      headers: bad.headers,
      agent: false,
    })
    const closed = new Promise((resolve) => get.on('error', () => undefined).once('close', resolve))
    get.end()
    setTimeout(() => get.destroy(), aborted % 12)
    aborted += 1
    await closed
  }
  const aborting = (async () => {
    while (aborted < aborts) await Promise.all(Array.from({ length: 5 }, abortOne))
  })()
  while (aborted < aborts) {
    const since = performance.now()
    assert.equal((await good.get('/u/atmosphere_stage/small')).status, 200)
    slowest = Math.max(slowest, performance.now() - since)
  }
  await aborting
  assert.equal(stream.socket.readyState, 1)
  // Room for a loaded machine: in a wedged tunnel it would take for ever. The bench measures it in milliseconds.
  assert.ok(slowest < 3000, `the slowest small request took ${slowest.toFixed(0)} ms`)
  for (const socket of paused) socket.destroy()
  await until(() => open === 0)
  stream.socket.close()
  await stream.closed
})
