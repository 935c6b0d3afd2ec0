/** Threat 44: readers that pause in the middle of a large answer, to wedge the tunnel for everybody else. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
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

/** The 95th percentile in the best of several rounds, ms: a busy machine spoils some, a wedged tunnel all. */
const smallRequestTime = async (dial: () => Promise<Duplex>): Promise<number> => {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 5 && best >= 50; round += 1) {
    const times: number[] = []
    for (let count = 0; count < 20; count += 1) {
      const begun = performance.now()
      assert.equal((await fetchOver(dial, '/small')).body.toString(), 'small')
      times.push(performance.now() - begun)
    }
    best = Math.min(best, times.sort((a, b) => a - b)[18] ?? best)
  }
  return best
}

for (const readers of [2, 100])
  test(`${readers} readers who pause do not slow down the others, and are cut`, async (t) => {
    const tunnel = await tunnelTo(t, 600)
    const dial = () => tunnel.dial()
    const unread = await Promise.all(Array.from({ length: readers }, () => leaveUnread(dial, '/large')))
    const cut = Promise.all(unread.map((stream) => new Promise((resolve) => stream.once('close', resolve))))
    assert.ok((await smallRequestTime(dial)) < 50)
    await Promise.race([cut, sleep(5000, undefined, { ref: false }).then(() => assert.fail('still not cut'))])
    assert.equal((await fetchOver(dial, '/large')).body.length, large.length)
  })

test('two readers who stop in the middle and go on later get every byte', async (t) => {
  const tunnel = await tunnelTo(t, 60_000)
  const dial = () => tunnel.dial()
  const readers = await Promise.all([0, 1].map(() => leaveUnread(dial, '/large')))
  const got = [0, 0]
  for (const [index, stream] of readers.entries()) {
    await once(stream, 'readable')
    got[index] = stream.read()?.length ?? 0
  }
  assert.ok((await smallRequestTime(dial)) < 50)
  for (const [index, stream] of readers.entries())
    for await (const part of stream) got[index] = (got[index] ?? 0) + part.length
  for (const bytes of got) assert.ok(bytes > large.length)
})
