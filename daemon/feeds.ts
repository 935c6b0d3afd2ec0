/** The feeds as views of the journal: one for the site, one for each account. */
import { type FeedWriter, openFeedWriter } from '../durable/feed-writer.ts'
import type { AuditRecord } from '../protocol/audit.ts'
import type { AccountPut, RequestRow, SitePut } from '../protocol/rows.ts'
import type { AccountIds } from './accounts.ts'
import type { Accepted } from './events.ts'
import { layerRows } from './layer-rows.ts'
import { accountFeedMode, type SiteLayout, siteFeedMode } from './layout.ts'
import { jobsOf } from './plugins/runs.ts'
import { presentRequest, requestKey } from './requests.ts'
import { type Consequences, type DaemonState, everyWorkflow, summaryKey } from './state.ts'
import type { FeedPlaces } from './state-store.ts'
import { allRows, summaryOf, type Workflow } from './workflow.ts'
import { keyOfJob } from './workflow-jobs.ts'

export type Published = {
  readonly seq: number
  readonly at: number
  readonly consequences: Consequences
  readonly record: AuditRecord | undefined
}

export type Feeds = {
  /** Once, after the replay: what coalescing or a lost disk kept from a feed is written again. */
  readonly begin: (journal: number, at: number) => void
  /** In the order of the journal. What a feed has already is left out. */
  readonly publish: (event: Published) => void
  /** Rows as they are now; the function that is returned writes them, once all that they say is published. */
  readonly capture: () => (journal: number, at: number) => Promise<void>
  readonly places: () => FeedPlaces
  readonly flush: () => Promise<void>
  readonly prune: (beforeAt: number) => Promise<void>
  readonly close: () => Promise<void>
}

export type FeedSettings = {
  readonly layout: SiteLayout
  readonly accounts: ReadonlyMap<string, AccountIds>
  readonly state: DaemonState
  /** Last number of the journal. */
  readonly journal: number
  /** Where the feeds were when the state was stored; undefined where the journal is replayed from its beginning. */
  readonly places: FeedPlaces | undefined
  /** The latest audit records, the oldest first. */
  readonly recent: readonly AuditRecord[]
  readonly now: () => number
  readonly onProblem: (feed: string, error: Error | null) => void
}

/** The directory is closed, so its files need not be; its group was set when it was made. */
const siteFeedModes = { dirMode: siteFeedMode, fileMode: 0o644 }
const auditShown = 1000
/** Whoever follows is not that far behind, ms; and whoever is begins anew. */
const packAfterMs = 3_600_000
/** A workflow's line on the wall changes at most so often, ms. */
const summaryPause = 200

const auditPut = (record: AuditRecord): SitePut => ({
  kind: 'audit',
  key: `${record.writer}#${record.seq}`,
  row: record,
})
const summaryPut = (flow: Workflow): SitePut => ({
  kind: 'summary',
  key: summaryKey(flow),
  row: summaryOf(flow),
})

const presentWaiting = (
  { runs }: DaemonState,
  { request, at }: { readonly request: Accepted; readonly at: number },
): RequestRow =>
  presentRequest(request, at, undefined, runs.byRequest.get(requestKey(request.uid, request.id))?.plugin)

const accountRows = (state: DaemonState, account: string): readonly AccountPut[] => {
  const flows = [...(state.workflows.get(account)?.values() ?? [])]
  const waiting = [...state.requests.waiting.values()]
    .filter(({ request }) => request.ask.account === account)
    .map((entry) => presentWaiting(state, entry))
  const runs = [...state.runs.byRequest.values()].filter((run) => run.account === account)
  const answered = state.requests.shown.get(account)?.values() ?? []
  return [
    ...flows.flatMap(allRows),
    ...runs
      .flatMap((run) => [...jobsOf(run)])
      .map((row): AccountPut => ({ kind: 'job', key: keyOfJob(row), row })),
    ...[...waiting, ...answered].map((row): AccountPut => ({ kind: 'request', key: row.id, row })),
  ]
}

const siteRows = (state: DaemonState): readonly SitePut[] => {
  const waiting = [...state.requests.waiting.values()]
    .filter(({ request }) => request.via === 'web')
    .map((entry) => presentWaiting(state, entry))
  return [
    ...[...state.accounts.values()].map((row): SitePut => ({ kind: 'account', key: row.account, row })),
    ...layerRows(state),
    ...[...waiting, ...state.requests.shownAtSite.values()].map(
      (row): SitePut => ({ kind: 'request', key: row.id, row }),
    ),
  ]
}

type Opened = { readonly writer: FeedWriter; readonly startedOver: boolean }

/** A feed that ends before the place where the stored state saw it has holes: it starts over. */
const openFeed = async (
  settings: Parameters<typeof openFeedWriter>[0],
  place: FeedPlaces[string] | undefined,
): Promise<Opened> => {
  const writer = await openFeedWriter(settings)
  if (place === undefined || (place.epoch === writer.epoch && place.seq <= writer.last().seq))
    return { writer, startedOver: false }
  await writer.close()
  // No journal has numbers below zero, so any feed is ahead of it.
  return { writer: await openFeedWriter({ ...settings, journal: -1 }), startedOver: true }
}

/** What an account's feed must contain for a state that was stored: nothing, where it was not served then. */
const placeOf = (settings: FeedSettings, name: string): FeedPlaces[string] | undefined =>
  settings.places === undefined
    ? undefined
    : (settings.places[name] ?? (settings.state.workflows.has(name) ? { epoch: '', seq: 0 } : undefined))

export const openFeeds = async (settings: FeedSettings): Promise<Feeds> => {
  const { layout, state, journal, now, onProblem } = settings
  const open = (name: string, dir: string, modes: { dirMode: number; fileMode: number; gid?: number }) =>
    openFeed(
      { dir, journal, ...modes, onProblem: (error) => onProblem(name, error) },
      placeOf(settings, name),
    )
  const { writer: site } = await open('site', layout.siteFeed, siteFeedModes)
  const accounts = new Map<string, FeedWriter>()
  const startedOver = new Set<string>()
  for (const [account, { gid }] of settings.accounts) {
    const modes = { dirMode: accountFeedMode, fileMode: 0o640, gid }
    const opened = await open(account, layout.accountFeed(account), modes)
    accounts.set(account, opened.writer)
    if (opened.startedOver) startedOver.add(account)
  }
  const recent = settings.recent.slice(-auditShown)

  /** Workflows whose line is to be written, and when each one's was last. */
  const waiting = new Set<Workflow>()
  const written = new Map<string, number>()
  let timer: NodeJS.Timeout | undefined
  let lastJournal = journal
  let begun = false

  const isThere = (flow: Workflow): boolean => state.workflows.get(flow.account)?.get(flow.workflow) === flow

  /** How long its line has to wait, ms: never longer than the pause, wherever the clock was set to meanwhile. */
  const pauseOf = (flow: Workflow, at: number): number => {
    const since = at - (written.get(summaryKey(flow)) ?? Number.NEGATIVE_INFINITY)
    return since < 0 || since >= summaryPause ? 0 : summaryPause - since
  }

  const writeSummaries = (): void => {
    timer = undefined
    const at = now()
    const put: SitePut[] = []
    let next = Number.POSITIVE_INFINITY
    for (const flow of waiting) {
      const wait = pauseOf(flow, at)
      if (wait > 0) {
        next = Math.min(next, wait)
        continue
      }
      waiting.delete(flow)
      if (!isThere(flow)) continue
      written.set(summaryKey(flow), at)
      put.push(summaryPut(flow))
    }
    if (put.length > 0) site.append({ journal: lastJournal, at, put, drop: [] })
    if (waiting.size > 0) timer = setTimeout(writeSummaries, next)
  }
  const touch = (flow: Workflow): void => {
    waiting.add(flow)
    timer ??= setTimeout(writeSummaries, Math.max(1, pauseOf(flow, now())))
  }

  return {
    begin: (seq, at) => {
      begun = true
      lastJournal = seq
      const put = [...siteRows(state), ...[...everyWorkflow(state)].map(summaryPut), ...recent.map(auditPut)]
      site.append({ journal: seq, at, put, drop: [] })
      for (const account of startedOver)
        accounts.get(account)?.append({ journal: seq, at, put: accountRows(state, account), drop: [] })
      startedOver.clear()
    },

    publish: ({ seq, at, consequences, record }) => {
      lastJournal = seq
      const { account, put, drop, touched } = consequences
      if (record !== undefined && recent.push(record) > auditShown) recent.shift()
      const sitePut = [...consequences.site.put, ...(record === undefined ? [] : [auditPut(record)])]
      const siteDrop = consequences.site.drop
      if (sitePut.length + siteDrop.length > 0 && site.last().journal < seq)
        site.append({ journal: seq, at, put: sitePut, drop: siteDrop })
      const writer = account === undefined ? undefined : accounts.get(account)
      const isBehind = account !== undefined && !startedOver.has(account)
      if (writer !== undefined && isBehind && put.length + drop.length > 0 && writer.last().journal < seq)
        writer.append({ journal: seq, at, put, drop })
      if (touched !== undefined && begun) touch(touched)
    },

    capture: () => {
      const rows = siteRows(state)
      const byAccount = [...accounts].map(
        ([account, writer]) => [writer, accountRows(state, account)] as const,
      )
      return async (seq, at) => {
        // Lines of the wall are written apart from the journal: only those of now are not older than the feed's.
        const summaries = [...everyWorkflow(state)].map(summaryPut)
        await Promise.all([
          site.writeSnapshot([...rows, ...summaries, ...recent.map(auditPut)], seq, at),
          ...byAccount.map(([writer, puts]) => writer.writeSnapshot(puts, seq, at)),
        ])
      }
    },
    places: () =>
      Object.fromEntries(
        [['site', site] as const, ...accounts].map(([name, { epoch, last }]) => [
          name,
          { epoch, seq: last().seq },
        ]),
      ),

    flush: async () => {
      await Promise.all([site, ...accounts.values()].map((writer) => writer.flush()))
    },
    prune: async (beforeAt) => {
      for (const writer of [site, ...accounts.values()]) {
        await writer.pack(settings.now() - packAfterMs)
        await writer.prune(beforeAt)
      }
    },
    close: async () => {
      clearTimeout(timer)
      await Promise.all([site, ...accounts.values()].map((writer) => writer.close()))
    },
  }
}
