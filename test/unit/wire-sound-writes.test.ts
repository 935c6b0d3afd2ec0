import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createTunnelClient, serveTunnel } from '../../wire/tunnel.ts'
import { fetchOver } from '../harness/road.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

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
