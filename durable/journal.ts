/** An append-only journal: NDJSON segments `journal-<first seq>.ndjson` and one snapshot, private to one process. */
import type { Disk } from './disk.ts'

export type JournalEntry<Event> = { readonly seq: number; readonly event: Event }

export type Journal<Event> = {
  /** The last number given, also to events that are not durable yet; 0 before the first. */
  readonly lastSeq: () => number
  /**
   * Numbers the events at once, in the order of the calls, from `lastSeq() + 1` on; resolves with the number of the
   * last one when all are on disk. Appends that wait together share one sync. Rejects with `journal.unwritable`:
   * then none of them is in the journal, nor any that was appended meanwhile, and `lastSeq()` says so.
   */
  readonly append: (events: readonly Event[]) => Promise<number>
  /** Durable events from a number on. Throws `journal.corrupt` where they are not all there. */
  readonly read: (fromSeq: number) => AsyncIterable<JournalEntry<Event>>
  /** Replaces the snapshot, durably. `seq` = the last event that it contains. */
  readonly writeSnapshot: (seq: number, data: unknown) => Promise<void>
  readonly readSnapshot: () => Promise<{ readonly seq: number; readonly data: unknown } | undefined>
  /** Removes segments in which every event is before `beforeSeq`. */
  readonly prune: (beforeSeq: number) => Promise<void>
  /** Waits for appends under way. */
  readonly close: () => Promise<void>
}

export type JournalSettings = {
  /** Created 0700. */
  readonly dir: string
  readonly disk?: Disk | undefined
  /** A segment is left when it has grown to this, bytes. */
  readonly segmentBytes?: number | undefined
}

export declare const openJournal: <Event>(settings: JournalSettings) => Promise<Journal<Event>>
