/** The writing side of a feed (protocol/feed.ts). A view of the journal: ordered, not synced, rebuilt if lost. */
import type { FeedLine } from '../protocol/feed.ts'

type Put = FeedLine['put'][number]
type Drop = FeedLine['drop'][number]

export type FeedWriter = {
  /** Changes only when the feed was numbered anew. */
  readonly epoch: string
  /** The last line given to `append`, or what was found at opening; zeros in an empty feed. */
  readonly last: () => { readonly seq: number; readonly journal: number }
  /** Buffered and written in order. Nothing is dropped while the disk is full: it is written when there is room. */
  readonly append: (change: {
    readonly journal: number
    readonly at: number
    readonly put: readonly Put[]
    readonly drop: readonly Drop[]
  }) => void
  /** All rows after everything appended so far. Lines before it are written first. */
  readonly writeSnapshot: (rows: readonly Put[], journal: number, at: number) => Promise<void>
  /** Resolves when everything appended so far can be read; rejects with what prevents it. */
  readonly flush: () => Promise<void>
  /** Removes segments that ended before this time (epoch ms) and before the snapshot. */
  readonly prune: (beforeAt: number) => Promise<void>
  readonly close: () => Promise<void>
}

export type FeedWriterSettings = {
  readonly dir: string
  readonly dirMode: number
  readonly fileMode: number
  readonly gid?: number | undefined
  /**
   * Last number of the journal that the feed is a view of. A feed that is ahead of it comes from another journal
   * (a backup was restored): it starts over with a new epoch.
   */
  readonly journal?: number | undefined
  readonly segmentBytes?: number | undefined
  /** Told when writing begins to fail, and with null when it works again. */
  readonly onProblem?: ((error: Error | null) => void) | undefined
}

export declare const openFeedWriter: (settings: FeedWriterSettings) => Promise<FeedWriter>
