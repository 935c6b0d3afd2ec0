import { join } from 'node:path'
import type { z } from 'zod/mini'
import { followSiteFeed } from '../../durable/site-feed.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import type { put } from '../../protocol/feed.ts'
import { type FeedAnswer, feedInput, feedTickInterval } from '../../protocol/feed-stream.ts'
import { createFeedOutlet } from './feed-outlet.ts'
import { parseInputAs } from './input.ts'
import { type Verb, whenCallerLeaves } from './verb.ts'

type Put = z.infer<typeof put>

/** Stands behind the file watcher, ms. */
const pollMs = 1000
/** A hub that takes nothing for so long is gone, ms; one that lives comes again. */
const patience = 60_000
/** Of rows in one message, bytes: what comes between, such as a heartbeat, waits for no more. */
const partBytes = 256 * 1024

/** At least one part, the last of which is the end. */
function* inParts(
  rows: readonly Put[],
): Generator<{ readonly rows: readonly Put[]; readonly more: boolean }> {
  let part: Put[] = []
  let bytes = 0
  for (const row of rows) {
    if (bytes > partBytes) {
      yield { rows: part, more: true }
      part = []
      bytes = 0
    }
    part.push(row)
    bytes += JSON.stringify(row).length
  }
  yield { rows: part, more: false }
}

/** The site's feed as lines, until the caller leaves. Reads files and nothing else. */
export const feed: Verb = async (context) => {
  const { since } = parseInputAs(feedInput, context.input)
  if (context.site === undefined)
    throw new SeneschalError('agent.failed', 'The forced command names no site directory (--site DIR).')
  context.answer({ version: 1 } satisfies FeedAnswer)
  const left = whenCallerLeaves(context.stdin)
  const outlet = createFeedOutlet({
    stdout: context.stdout,
    left,
    patience,
    giveUp: () => {
      context.stdout.destroy()
      context.stdin.destroy()
    },
  })
  const ticking = setInterval(() => {
    if (!outlet.spoke()) void outlet.send({ type: 'tick' })
  }, feedTickInterval)
  try {
    await followSiteFeed(
      { dir: join(context.site, 'feed/site'), since, pollMs, signal: left },
      {
        onReset: async (rows, place) => {
          for (const part of inParts(rows)) await outlet.send({ type: 'reset', ...place, ...part })
        },
        onLines: (lines) => outlet.send({ type: 'lines', lines }),
        onCurrent: () => void outlet.send({ type: 'current' }),
        onFile: outlet.sendFile,
        onProblem: (of, error) => void outlet.send({ type: 'problem', of, detail: error?.message ?? null }),
      },
    )
  } finally {
    clearInterval(ticking)
  }
}
