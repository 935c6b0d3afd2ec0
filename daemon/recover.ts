/** From what is on disk to a running state: the snapshot, then every event after it, exactly once in each view. */
import { type Chain, openChain } from '../durable/chain.ts'
import { realDisk } from '../durable/disk.ts'
import { type Journal, openJournal } from '../durable/journal.ts'
import type { AuditRecord } from '../protocol/audit.ts'
import { readAuditTail } from './audit-tail.ts'
import { type DaemonEvent, parseEvent } from './events.ts'
import { type FeedSettings, type Feeds, openFeeds } from './feeds.ts'
import type { Held } from './lease/hold.ts'
import { apply, createDaemonState, type DaemonState, type Surroundings } from './state.ts'
import { restoreState } from './state-store.ts'

export type Recovered = {
  readonly state: DaemonState
  readonly journal: Journal<DaemonEvent>
  readonly chain: Chain
  readonly feeds: Feeds
  /** How many events were replayed. */
  readonly replayed: number
}

/** Records that stand in the site's feed, and some more. */
const leastTail = 2000

/** What is not written through the disk: snapshots replace a file, and pruning removes some. */
const fenced = (journal: Journal<DaemonEvent>, { check }: Pick<Held, 'check'>): Journal<DaemonEvent> => ({
  ...journal,
  writeSnapshot: async (...args) => {
    await check()
    return journal.writeSnapshot(...args)
  },
  prune: async (...args) => {
    await check()
    return journal.prune(...args)
  },
})

const watched = (chain: Chain, onRecord: (record: AuditRecord) => void): Chain => ({
  ...chain,
  append: async (entry) => {
    const record = await chain.append(entry)
    onRecord(record)
    return record
  },
})

export const recover = async (settings: {
  readonly layout: FeedSettings['layout']
  readonly accounts: FeedSettings['accounts']
  /** `daemon/NAME`. */
  readonly writer: string
  readonly around: Surroundings
  /** Of the lease: checks each write, and by itself before what replaces a file. */
  readonly fence: Pick<Held, 'check' | 'disk'>
  readonly now: () => number
  /** The chain's latest records, before any is appended; and each that is appended. */
  readonly onTail?: (recent: readonly AuditRecord[]) => void
  readonly onRecord?: (record: AuditRecord) => void
  readonly onFeedProblem: FeedSettings['onProblem']
}): Promise<Recovered> => {
  const { layout, writer, now } = settings
  const { fence } = settings
  const disk = fence.disk(realDisk)
  const journal = fenced(await openJournal({ dir: layout.state, parse: parseEvent, disk }), fence)
  const chain = watched(await openChain({ dir: layout.audit, writer, now, disk }), (record) =>
    settings.onRecord?.(record),
  )
  const snapshot = await journal.readSnapshot()
  const restored =
    snapshot === undefined ? { state: createDaemonState(), feeds: undefined } : restoreState(snapshot.data)
  const { state } = restored
  if (journal.lastSeq() === 0)
    await journal.append([{ kind: 'genesis', at: now(), audit: chain.last()?.seq ?? 0 }])

  const first = (snapshot?.seq ?? 0) + 1
  // An event gives one audit record at most.
  const tail = Math.max(leastTail, journal.lastSeq() - first + 1)
  const recent = await readAuditTail(layout.audit, writer, tail)
  settings.onTail?.(recent)
  const bySeq = new Map(recent.map((record) => [record.seq, record]))
  const audited = chain.last()?.seq ?? 0
  const feeds = await openFeeds({
    layout,
    accounts: settings.accounts,
    state,
    journal: journal.lastSeq(),
    places: restored.feeds,
    recent: recent.filter(({ seq }) => seq <= state.audited),
    now,
    onProblem: settings.onFeedProblem,
  })
  for await (const { seq, event } of journal.read(first)) {
    const consequences = apply(state, event, settings.around)
    const { audit } = consequences
    // The chain numbers its records without gaps, one for each audited event: so it says itself which are missing.
    const record =
      audit === undefined
        ? undefined
        : state.audited > audited
          ? await chain.append(audit)
          : bySeq.get(state.audited)
    feeds.publish({ seq, at: event.at, consequences, record })
  }
  feeds.begin(journal.lastSeq(), now())
  return { state, journal, chain, feeds, replayed: journal.lastSeq() - first + 1 }
}
