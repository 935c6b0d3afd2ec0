/** Row 13: a far side that says goodbye on its tunnel, or says nothing more, and keeps the line open all the same. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { type Duplex, PassThrough } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { pairStreams } from '../../wire/pair.ts'
import { createTunnelClient } from '../../wire/tunnel.ts'
import { until } from '../harness/until.ts'

/** Our ends of the lines that the tunnel opened, and theirs. */
type Line = { readonly near: Duplex; readonly said: PassThrough }

const tunnelTo = (
  t: TestContext,
  answer: (stream: ServerHttp2Stream, session: ServerHttp2Session) => void,
) => {
  const lines: Line[] = []
  const tunnel = createTunnelClient({
    pingEvery: 20,
    deadAfter: 300,
    open: async () => {
      const heard = new PassThrough()
      const said = new PassThrough()
      const far = pairStreams(heard, said)
      const near = pairStreams(said, heard)
      // What we end they do not notice, and what they end is not the end of ours.
      near._final = () => undefined
      lines.push({ near, said })
      const session = performServerHandshake(far)
      session.on('error', () => undefined)
      session.on('stream', (stream) => {
        stream.on('error', () => undefined)
        stream.respond({ ':status': 200 })
        answer(stream, session)
      })
      return near
    },
  })
  t.after(() => {
    tunnel.close()
    for (const { near } of lines) near.destroy()
  })
  return { tunnel, lines }
}

test('a far side that says goodbye and does not hang up is hung up on', async (t) => {
  const { tunnel, lines } = tunnelTo(t, (stream, session) => {
    stream.end()
    stream.once('close', () => session.destroyed || session.goaway(0))
  })
  const first = await tunnel.dial()
  first.resume().end()
  await until(() => lines[0]?.near.destroyed === true)
  await tunnel.dial()
  assert.equal(lines.length, 2)
})

test('a far side that ends its half of the line, while we still write, ends that tunnel alone', async (t) => {
  const { tunnel, lines } = tunnelTo(t, () => undefined)
  const streams = await Promise.all(Array.from({ length: 20 }, () => tunnel.dial()))
  const [line] = lines
  assert.ok(line !== undefined)
  const kept = streams.pop()
  const ended = once(line.near, 'end')
  line.said.end()
  await ended
  for (const stream of streams) {
    stream.write('x')
    stream.destroy()
    await new Promise(setImmediate)
  }
  assert.equal(line.near.destroyed, true)
  await until(() => kept?.closed === true)
  await tunnel.dial()
  assert.equal(lines.length, 2)
})
