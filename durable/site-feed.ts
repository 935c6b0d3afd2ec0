/** A site's feed and the files beside it, read where they lie. */
import { join } from 'node:path'
import { z } from 'zod/mini'
import type { FeedLine, FeedSnapshot } from '../protocol/feed.ts'
import { type FeedFile, feedFiles } from '../protocol/feed-stream.ts'
import { followFeed } from './feed-follower.ts'
import { followFile } from './follow-file.ts'

export type FeedPlace = { readonly epoch: string; readonly seq: number }

/** Whoever is told what a site feed says. Reading waits for what `onReset` and `onLines` return. */
export type SiteFeedSink = {
  /** Forget everything: all rows, as they were at `place`. */
  readonly onReset: (rows: FeedSnapshot['rows'], place: FeedPlace) => void | Promise<void>
  readonly onLines: (lines: readonly FeedLine[]) => void | Promise<void>
  /** All that stood there by now was given. */
  readonly onCurrent: () => void
  /** `NAME.json`, whole and as yet unchecked, at first sight and after each change. */
  readonly onFile: (name: FeedFile, value: unknown) => void
  /** What cannot be read, and null once a feed can again. An absent file is no problem. */
  readonly onProblem: (of: 'feed' | FeedFile, error: Error | null) => void
}

export type SiteFeedSettings = {
  /** `feed/site` of the site directory. */
  readonly dir: string
  /** To go on from; without it, and where that is not possible, it begins with a reset. */
  readonly since?: FeedPlace | undefined
  /** What a missed wake-up costs at most, ms. */
  readonly pollMs: number
  readonly signal: AbortSignal
}

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)))

/** Follows until the signal is aborted; then resolves. Never rejects. */
export const followSiteFeed = async (settings: SiteFeedSettings, sink: SiteFeedSink): Promise<void> => {
  const { dir, since, pollMs, signal } = settings
  // The files first: whoever is told of rows would ask who may see them, and how old they are.
  await Promise.all(
    feedFiles.map((name) =>
      followFile({
        path: join(dir, `${name}.json`),
        schema: z.unknown(),
        pollMs,
        onValue: (value) => sink.onFile(name, value),
        onProblem: (thrown) => sink.onProblem(name, asError(thrown)),
        signal,
      }),
    ),
  )
  await followFeed({
    dir,
    since: since?.seq,
    epoch: since?.epoch,
    pollMs,
    onReset: (rows, seq, epoch) => sink.onReset(rows, { epoch, seq }),
    onLines: sink.onLines,
    onCurrent: sink.onCurrent,
    onProblem: (error) => sink.onProblem('feed', error),
    signal,
  })
}
