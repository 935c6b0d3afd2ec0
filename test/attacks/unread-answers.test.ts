/** Threat 44: readers that pause in the middle of a large answer, to wedge the tunnel for everybody else. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pairStreams } from '../../wire/pair.ts'
import { createTunnelClient, serveTunnel, type TunnelClient } from '../../wire/tunnel.ts'
import { fetchOver, leaveUnread } from '../harness/road.ts'

const large = Buffer.alloc(64 * 1024 * 1024)

/** The worst server there is: hands a whole answer to one write. */
const tunnelTo = async (t: TestContext, stalledAfter: number): Promise<TunnelClient> => {
  const dir = await mkdtemp(join(tmpdir(), 'unread-'))
  const http = createHttpServer((request, answer) => answer.end(request.url === '/large' ? large : 'small'))
  const far = createServer((socket) => {
    serveTunnel(socket, (stream) => void http.emit('connection', stream))
  }).listen(join(dir, 's'))
  await once(far, 'listening')
  const tunnel = createTunnelClient({
    open: async () => {
      const socket = connect(join(dir, 's'))
      await once(socket, 'connect')
      return pairStreams(socket, socket)
    },
    stalledAfter,
    // All in one session: nobody is saved by being in another.
    maxSessions: 1,
  })
  t.after(async () => {
    tunnel.close()
    far.close()
    await rm(dir, { recursive: true })
  })
  return tunnel
}

for (const readers of [2, 100])
  test(`${readers} readers who pause do not slow down the others, and are cut`, async (t) => {
    const tunnel = await tunnelTo(t, 600)
    const dial = () => tunnel.dial()
    const unread = await Promise.all(Array.from({ length: readers }, () => leaveUnread(dial, '/large')))
    const cut = Promise.all(unread.map((stream) => new Promise((resolve) => stream.once('close', resolve))))
    const times: number[] = []
    for (let tries = 0; tries < 9; tries += 1) {
      const begun = performance.now()
      const { body } = await fetchOver(dial, '/small')
      times.push(performance.now() - begun)
      assert.equal(body.toString(), 'small')
    }
    // The best of nine: a wedged tunnel answers none in time, a busy test machine some.
    assert.ok(Math.min(...times) < 50, `${Math.min(...times)} ms`)
    await Promise.race([cut, sleep(5000, undefined, { ref: false }).then(() => assert.fail('still not cut'))])
    assert.equal((await fetchOver(dial, '/large')).body.length, large.length)
  })
