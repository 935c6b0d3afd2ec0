import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createTunnelClient, serveTunnel } from '../../wire/tunnel.ts'
import { fetchOver } from '../harness/road.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const collector = (): (() => void) => {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}
const size = 1_041_666
const piece = 65_536

test('what a server writes arrives as it was, though its memory is wanted back at once', async (t) => {
  const dir = await temporaryDirectory(t)
  const http = createHttpServer(async (_, answer) => {
    answer.writeHead(200, { 'content-length': size })
    for (let at = 0; at < size; at += piece) {
      // Not of a pool: its memory is given back on its own.
      const bytes = Buffer.allocUnsafeSlow(Math.min(piece, size - at)).fill('a')
      if (!answer.write(bytes)) await once(answer, 'drain')
    }
    answer.end()
  })
  const far = createServer((socket) => {
    serveTunnel(socket, (stream) => void http.emit('connection', stream))
  }).listen(join(dir, 's'))
  await once(far, 'listening')
  const tunnel = createTunnelClient({ open: async () => connect(join(dir, 's')) })
  const collect = collector()
  const collecting = setInterval(() => {
    collect()
    Buffer.allocUnsafeSlow(size % piece).fill('!')
  }, 10)
  t.after(() => {
    clearInterval(collecting)
    tunnel.close()
    far.close()
  })
  const wanted = Buffer.alloc(size, 'a')
  const answers = await Promise.all(Array.from({ length: 32 }, () => fetchOver(() => tunnel.dial(), '/')))
  assert.equal(answers.filter(({ body }) => !body.equals(wanted)).length, 0)
})

test('readers who leave in the middle of large answers do not get the session out of step', async (t) => {
  const dir = await temporaryDirectory(t)
  let begun = 0
  let ended = 0
  const http = createHttpServer((request, answer) => {
    if (request.url !== '/flood') return void answer.end('well')
    begun += 1
    answer.once('close', () => {
      ended += 1
    })
    // So large that its memory goes back to the kernel as soon as nobody holds it: who still sends it then, fails.
    answer.write(Buffer.allocUnsafeSlow(33 * 1024 * 1024))
  })
  const far = createServer((socket) => {
    serveTunnel(socket, (stream) => void http.emit('connection', stream))
  }).listen(join(dir, 's'))
  await once(far, 'listening')
  // A line that stops for a while on the way to the reader.
  const lines: Socket[] = []
  const road = createServer((near) => {
    const line = connect(join(dir, 's'))
    lines.push(line)
    near.pipe(line)
    line.on('data', (bytes) => near.write(bytes))
    near.on('close', () => line.destroy()).on('error', () => line.destroy())
    line.on('close', () => near.destroy()).on('error', () => near.destroy())
  }).listen(join(dir, 'r'))
  await once(road, 'listening')
  const tunnel = createTunnelClient({ open: async () => connect(join(dir, 'r')) })
  const collect = collector()
  t.after(() => {
    tunnel.close()
    road.close()
    far.close()
  })
  const readers = await Promise.all(Array.from({ length: 12 }, () => tunnel.dial()))
  for (const line of lines) line.pause()
  for (const reader of readers) reader.write('GET /flood HTTP/1.1\r\nHost: server\r\n\r\n')
  await until(() => begun === readers.length)
  for (const reader of readers) reader.destroy()
  // The server hears that they left while what it sent them still waits for the line, and gives its memory up.
  await until(() => ended === readers.length)
  for (let turns = 0; turns < 5; turns += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    collect()
  }
  for (const line of lines) line.resume()
  const asking = fetchOver(() => tunnel.dial(), '/')
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, 8000, undefined).unref())
  const answer = await Promise.race([asking, late])
  assert.equal(answer?.body.toString(), 'well', 'the session still serves others')
})
