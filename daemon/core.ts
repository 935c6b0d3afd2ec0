/**
 * The road of every change: applied, on disk, audited, published, and only then acted upon. Events are applied at once,
 * so that the next decision sees them; what follows from them waits for the disk. One batch at a time takes that road,
 * and what comes meanwhile shares the next sync.
 */
import type { Chain } from '../durable/chain.ts'
import type { Journal } from '../durable/journal.ts'
import type { AuditRecord } from '../protocol/audit.ts'
import type { DaemonEvent } from './events.ts'
import type { Feeds } from './feeds.ts'
import { createUrgency, type Reserves } from './reserves.ts'
import { untilItWorks } from './retry.ts'
import { apply, type Consequences, type DaemonState, type OwedEffect, type Surroundings } from './state.ts'
import { storeState } from './state-store.ts'
import type { Workflow } from './workflow.ts'

export type Core = {
  readonly state: DaemonState
  /** Applies at once; resolves when all of them are on disk, audited and published. Rejects only at the end of the daemon. */
  readonly commit: (events: readonly DaemonEvent[]) => Promise<void>
  /** Events that wait for the disk. */
  readonly waiting: () => number
  /** Takes nothing any more; resolves when everything committed so far is through, with a snapshot of the state. */
  readonly close: () => Promise<void>
}

export type CoreParts = {
  readonly state: DaemonState
  readonly journal: Journal<DaemonEvent>
  readonly chain: Chain
  readonly feeds: Feeds
  readonly around: Surroundings
  readonly now: () => number
  /** After the commit: what the engine wants done. */
  readonly onEffects: (effects: readonly OwedEffect[]) => void
  /** After the commit: plugin runs that are to be looked at, by their requests' keys. */
  readonly onRuns: (keys: readonly string[]) => void
  /** A workflow changed: its next wake-up may be another one. Told at once. */
  readonly onTouched: (flow: Workflow) => void
  readonly onProblem: (what: 'journal' | 'audit' | 'snapshot' | 'effects', error: unknown) => void
  /** An event could not be applied whole. Its workflow stands still; everybody else goes on. */
  readonly onFault: (event: DaemonEvent, error: unknown) => void
  /** Room for what is urgent when a disk is full. */
  readonly reserves?: Pick<Reserves, 'through'>
  readonly signal: AbortSignal
  /** A snapshot after so many events, or more where it is large. */
  readonly snapshotEvery?: number
}

/** A large snapshot is written the less often: the journal grows about as much as the last one took, bytes an event. */
const eventBytes = 250

type Applied = {
  readonly seq: number
  readonly event: DaemonEvent
  readonly consequences: Consequences
  readonly urgent: boolean
}

const retryPause = 1000
const snapshotRetry = 10_000
/** What was asked for and broke on the way. */
const notDone = { state: 'failed', code: 'internal', reason: null } as const
/** Feeds are what job histories are made from: kept for a season. */
const feedKeptMs = 92 * 24 * 3_600_000

const createBatch = (): PromiseWithResolvers<void> => {
  const batch = Promise.withResolvers<void>()
  // Not everybody who commits waits for it.
  batch.promise.catch(() => undefined)
  return batch
}

export const createCore = (parts: CoreParts): Core => {
  const { state, journal, chain, feeds, signal } = parts
  const snapshotEvery = parts.snapshotEvery ?? 5000
  let seq = journal.lastSeq()
  let snapshotAt = seq
  let snapshotPause = snapshotEvery
  /** The one that is being written. */
  let snapshotting: Promise<void> | undefined
  /** After one that failed. */
  let snapshotLater: NodeJS.Timeout | undefined
  let queue: Applied[] = []
  /** The batch that is on its way. */
  let current: readonly Applied[] = []
  const isUrgent = createUrgency()
  const urgentWaits = (): boolean => [...current, ...queue].some(({ urgent }) => urgent)
  /** Resolves when the events in the queue are through. */
  let gathering = createBatch()
  let running: Promise<void> | undefined
  let snapshotWanted = false
  let closed = false
  const ended = Promise.reject(new Error('the daemon has ended'))
  ended.catch(() => undefined)

  const stubborn = <T>(what: 'journal' | 'audit', work: () => Promise<T>): Promise<T> =>
    untilItWorks(
      () => (parts.reserves === undefined ? work() : parts.reserves.through(what, work, urgentWaits)),
      { pauseMs: retryPause, onProblem: (error) => parts.onProblem(what, error), signal },
    )

  /** In order, sharing syncs; after a failure those that are missing are appended again. */
  const audit = async (batch: readonly Applied[]): Promise<ReadonlyMap<number, AuditRecord>> => {
    const records = new Map<number, AuditRecord>()
    await stubborn('audit', async () => {
      const missing = batch.filter(({ seq: at, consequences }) => consequences.audit && !records.has(at))
      const results = await Promise.allSettled(
        missing.map(async ({ seq: at, consequences }) => {
          if (consequences.audit !== undefined) records.set(at, await chain.append(consequences.audit))
        }),
      )
      const failed = results.find((result) => result.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    })
    return records
  }

  const snapshot = async (
    data: object,
    writeFeeds: (journal: number, at: number) => Promise<void>,
    at: number,
  ): Promise<void> => {
    try {
      // Of the state as it is at this event: events that come meanwhile are behind it, here and in the feeds.
      const written = writeFeeds(at, parts.now())
      const places = feeds.places()
      await written
      await feeds.flush()
      // Feeds first: the state says how far they were.
      const bytes = await journal.writeSnapshot(at, { ...data, feeds: places })
      snapshotPause = Math.max(snapshotEvery, Math.round(bytes / eventBytes))
      await journal.prune(at)
      await feeds.prune(parts.now() - feedKeptMs)
      snapshotAt = at
      parts.onProblem('snapshot', null)
    } catch (error) {
      // The journal still has it all; a later one will do.
      parts.onProblem('snapshot', error)
      snapshotLater ??= setTimeout(() => {
        snapshotLater = undefined
        snapshotWanted = true
        if (running === undefined) run()
      }, snapshotRetry).unref()
    }
  }

  /** Whoever is told may have a fault of his own; the road must not end with him. What he missed is owed at the next start. */
  const tell = (work: () => void): void => {
    try {
      work()
    } catch (error) {
      parts.onProblem('effects', error)
    }
  }

  const takeBatch = async (): Promise<void> => {
    // One at a time; and before this batch is taken, so that the state is that of its last event.
    if (snapshotWanted) await snapshotting
    const batch = queue
    current = batch
    const done = gathering
    queue = []
    gathering = createBatch()
    const last = batch.at(-1)?.seq ?? seq
    const isQuiet = snapshotting === undefined && snapshotLater === undefined
    const due = snapshotWanted || (isQuiet && last - snapshotAt >= snapshotPause)
    snapshotWanted = false
    const captured = due ? { data: storeState(state, {}), writeFeeds: feeds.capture() } : undefined
    try {
      await stubborn('journal', () => journal.append(batch.map(({ event }) => event)))
      const records = await audit(batch)
      for (const { seq: at, event, consequences } of batch)
        feeds.publish({ seq: at, at: event.at, consequences, record: records.get(at) })
      const effects = batch.flatMap(({ consequences }) => consequences.effects)
      if (effects.length > 0) tell(() => parts.onEffects(effects))
      const runs = new Set(batch.flatMap(({ consequences: { run } }) => (run === undefined ? [] : [run])))
      if (runs.size > 0) tell(() => parts.onRuns([...runs]))
      if (captured !== undefined)
        snapshotting = snapshot(captured.data, captured.writeFeeds, last).finally(() => {
          snapshotting = undefined
        })
      done.resolve()
    } catch (error) {
      done.reject(error)
      throw error
    }
  }

  const flush = async (): Promise<void> => {
    // Whoever is at it in this turn of the loop shares the batch.
    await new Promise((resolve) => setImmediate(resolve))
    while (queue.length > 0 || snapshotWanted) await takeBatch()
  }

  const run = (): void => {
    running = flush().then(
      () => {
        running = undefined
        if (queue.length > 0 || snapshotWanted) run()
      },
      // Only the end of the daemon ends the stubbornness; `running` stays, so that nothing starts again.
      (error: unknown) => gathering.reject(error),
    )
  }
  const gathered = (): Promise<void> => {
    const { promise } = gathering
    if (running === undefined) run()
    return promise
  }

  return {
    state,
    waiting: () => queue.length,
    commit: (events) => {
      // Whatever this is, it was not acknowledged: it comes again after the next start.
      if (closed) return ended
      let whole = true
      for (const asked of events) {
        const event = whole || asked.kind !== 'done' ? asked : { ...asked, outcome: notDone }
        const consequences = apply(state, event, parts.around)
        if (consequences.fault !== undefined) {
          whole = false
          parts.onFault(event, consequences.fault)
        }
        seq += 1
        queue.push({ seq, event, consequences, urgent: isUrgent(event) })
        if (consequences.touched !== undefined) parts.onTouched(consequences.touched)
      }
      return events.length === 0 ? Promise.resolve() : gathered()
    },
    close: async () => {
      closed = true
      snapshotWanted = true
      clearTimeout(snapshotLater)
      await gathered()
      await snapshotting
    },
  }
}
