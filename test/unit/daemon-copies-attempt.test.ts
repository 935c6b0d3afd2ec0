/** How the two sides of one copy are joined: the one that writes has the last word. */
import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { attemptCopy } from '../../daemon/copies/attempt.ts'
import type { CopyOrder } from '../../protocol/copies.ts'

const order = {} as CopyOrder

test('a source that refuses and is gone at once is told by the one that writes, however late its word comes', async () => {
  const [source, ofSource] = duplexPair()
  const [sink, ofSink] = duplexPair()
  const attempt = attemptCopy(
    [
      { side: 'site', order },
      { side: 'user', order },
    ],
    {
      site: () => source,
      user: async () => sink,
      onCounts: () => undefined,
      signal: AbortSignal.timeout(5000),
    },
  )
  const told = assert.rejects(attempt, { code: 'copy.refused', detail: 'A second name.' })
  const heard = ofSink[Symbol.asyncIterator]()
  ofSource.write('no\n')
  assert.equal(String((await heard.next()).value), 'no\n')
  source.destroy()
  await sleep(20)
  // As a channel does: what was not read by then is gone with it.
  ofSink.write(`${JSON.stringify({ kind: 'failed', code: 'copy.refused', detail: 'A second name.' })}\n`)
  await sleep(20)
  sink.destroy()
  await told
})
