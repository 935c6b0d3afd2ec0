/** The reading side of a feed: the snapshot, then lines as they are written. */
import type { FeedLine, FeedSnapshot } from '../protocol/feed.ts'

export type FollowSettings = {
  readonly dir: string
  /** Continue after this line; a reset comes first where that is not possible. Without it: begin with a reset. */
  readonly since?: number | undefined
  /** The epoch that `since` is of. */
  readonly epoch?: string | undefined
  /** What a missed wake-up costs at most, ms. */
  readonly pollMs: number
  /** Forget everything; these are all rows, as they were after line `seq`. */
  readonly onReset: (rows: FeedSnapshot['rows'], seq: number, epoch: string) => void
  /** One or more lines in order, without gaps after the last reset. */
  readonly onLines: (lines: readonly FeedLine[]) => void
  /** Told when the feed cannot be read (`feed.unavailable`), and with null when it can again. */
  readonly onProblem: (error: Error | null) => void
  readonly signal: AbortSignal
}

/** Follows until the signal is aborted; then resolves. Never rejects: what goes wrong is told and tried again. */
export declare const followFeed: (settings: FollowSettings) => Promise<void>

/** All retained lines from `fromSeq` on, in batches; ends at what is written by now. Tolerates gaps. */
export declare const readHistory: (dir: string, fromSeq: number) => AsyncIterable<readonly FeedLine[]>
