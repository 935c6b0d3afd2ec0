/** Everything that the daemon waits for: files of administrators, events of jobs, requests, and the end of a day. */
import { dirname, join } from 'node:path'
import { milliseconds } from '../config/schemas.ts'
import type { Lookup } from './accounts.ts'
import { startHousekeeping } from './archive/housekeeping.ts'
import type { DaemonConfig } from './config.ts'
import type { Definitions } from './definitions.ts'
import type { DaemonEvent } from './events.ts'
import { type FileWatch, watchFiles } from './file-watch.ts'
import { runIntake } from './intake.ts'
import { watchJobEvents } from './job-events.ts'
import type { createHubKeys } from './keys.ts'
import { isOfPresent } from './known-jobs.ts'
import type { SiteLayout } from './layout.ts'
import { eventOfOrder } from './locks.ts'
import type { Log } from './log.ts'
import type { OpenSite } from './open-site.ts'
import type { Permissions } from './permissions.ts'
import type { Processor } from './process.ts'
import type { Publisher } from './published.ts'
import type { DaemonState } from './state.ts'
import { createStrangers } from './strangers.ts'

export type WatcherParts = {
  readonly config: DaemonConfig
  readonly layout: SiteLayout
  readonly site: OpenSite
  readonly lookup: Lookup | undefined
  /** Of the service account. */
  readonly gid: number
  readonly state: DaemonState
  readonly keys: ReturnType<typeof createHubKeys>
  readonly definitions: Definitions
  readonly permissions: Permissions
  readonly processor: Processor
  readonly publisher: Publisher
  readonly commit: (events: readonly DaemonEvent[]) => Promise<void>
  /** Whether a disk is full. */
  readonly isFull: () => boolean
  readonly now: () => number
  readonly log: Log
  /** Told how the last look somewhere failed, or null. */
  readonly problem: (where: string) => (error: unknown) => void
  readonly signal: AbortSignal
}

const followFiles = ({ config, keys, definitions, permissions, problem, signal }: WatcherParts): FileWatch =>
  watchFiles({
    directories: [
      config.definitions,
      ...Object.keys(config.accounts).map((account) => join(config.definitions, account)),
      dirname(config.siteFile),
      dirname(config.hubKeys),
    ],
    pollMs: milliseconds(config.poll.files),
    look: async () => {
      keys.refresh()
      try {
        await definitions.scan(false)
        await definitions.publish()
      } finally {
        // A lock or a revocation waits for no definition.
        await permissions.refresh()
      }
    },
    onProblem: problem('files'),
    signal,
  })

/** `ended` resolves when the signal was aborted and all of them are through. */
export const startWatchers = (
  parts: WatcherParts,
): { readonly look: FileWatch['look']; readonly ended: Promise<unknown> } => {
  const { config, layout, site, state, commit, now, problem, signal } = parts
  const pollMs = milliseconds(config.poll.inbox)
  const files = followFiles(parts)
  const jobs = [...site.ids].map(([account, { uid }]) =>
    watchJobEvents({
      account,
      directory: layout.jobEvents(account),
      uid,
      refused: state.refused,
      isOurs: (job) => isOfPresent(state, account, job),
      pollMs,
      commit,
      now,
      onProblem: problem(`job events of ${account}`),
      signal,
    }),
  )
  const intake = runIntake({
    inbox: layout.inbox,
    gid: parts.gid,
    pollMs,
    admission: {
      site: config.site,
      verifier: parts.keys.verifier,
      grantsFrom: () => state.grantsFrom,
      uidOf: (account) => site.ids.get(account)?.uid,
      accountOf: site.accountOf,
      isSeveral: site.isSeveral,
      strangerOf: createStrangers({ accounts: config.accounts, lookup: parts.lookup, now }),
    },
    state,
    isFull: parts.isFull,
    publisher: parts.publisher,
    process: parts.processor.process,
    takeOrder: async (order) => {
      const event = eventOfOrder(state.locks, order, now())
      if (event === undefined) return
      await commit([event])
      await parts.permissions.refresh()
    },
    commit,
    now,
    onProblem: problem('inbox'),
    signal,
  })
  const housekeeping = startHousekeeping({
    layout,
    retention: config.retention,
    now,
    log: parts.log,
    onProblem: problem('retention'),
    signal,
  })
  return { look: files.look, ended: Promise.all([files.ended, ...jobs, intake, housekeeping]) }
}
