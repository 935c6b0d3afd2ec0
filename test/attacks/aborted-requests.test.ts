/** Threat 54: a browser that starts thousands of requests and aborts them, to have somebody else's socket closed. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pairStreams } from '../../wire/pair.ts'
import { createTunnelClient, serveTunnel } from '../../wire/tunnel.ts'
import { fetchOver, leaveUnread } from '../harness/road.ts'

test('3,000 aborted requests close nobody else’s stream', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'aborts-'))
  const http = createHttpServer((_, answer) => answer.end(Buffer.alloc(100_000)))
  http.on('upgrade', (_, stream) => {
    stream.write('ready')
    stream.pipe(stream)
  })
  let carriers = 0
  const far = createServer((socket) => {
    carriers += 1
    serveTunnel(socket, (stream) => void http.emit('connection', stream))
  }).listen(join(dir, 's'))
  await once(far, 'listening')
  const tunnel = createTunnelClient({
    open: async () => {
      const socket = connect(join(dir, 's'))
      await once(socket, 'connect')
      return pairStreams(socket, socket)
    },
    maxSessions: 1,
  })
  t.after(async () => {
    tunnel.close()
    far.close()
    await rm(dir, { recursive: true })
  })

  const viewer = await tunnel.dial()
  viewer.write('GET / HTTP/1.1\r\nHost: s\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
  assert.equal(String((await once(viewer, 'data'))[0]), 'ready')
  for (let batch = 0; batch < 30; batch += 1) {
    const doomed = await Promise.all(Array.from({ length: 100 }, () => leaveUnread(() => tunnel.dial(), '/')))
    for (const stream of doomed) stream.destroy()
  }
  viewer.write('here')
  assert.equal(String((await once(viewer, 'data'))[0]), 'here')
  assert.equal((await fetchOver(() => tunnel.dial(), '/')).status, 200)
  assert.equal(carriers, 1)
})
