/** What the daemon says of itself: to hubs in its feed, and to whoever runs it in its state. */
import { join } from 'node:path'
import { writeFileAtomic } from '../durable/files.ts'
import { asSeneschalError } from '../protocol/errors.ts'
import type { Heartbeat } from '../protocol/feed.ts'
import { version } from '../protocol/version.ts'
import type { DaemonConfig } from './config.ts'
import { makeReport } from './control/make-report.ts'
import { writeReport } from './control/report.ts'
import { hostOf } from './hosts.ts'
import type { SiteLayout } from './layout.ts'
import type { Held } from './lease/hold.ts'
import type { Log } from './log.ts'
import type { Problems } from './problems.ts'
import type { DaemonState } from './state.ts'

export type Status = Pick<Heartbeat, 'state' | 'problem'>

/** As of now; nothing is said before the state is there. Never rejects. */
export const sayHowItIs = async (parts: {
  readonly config: DaemonConfig
  readonly layout: SiteLayout
  readonly state: DaemonState
  /** Head of the audit chain. */
  readonly audit: string
  readonly lease: Held | undefined
  readonly status: Status
  readonly problems: Problems
  /** Events that wait for the disk. */
  readonly waiting: number
  readonly now: number
  readonly log: Log
}): Promise<void> => {
  const { config, layout, state, lease, status, now } = parts
  const codes = parts.problems.codes()
  const value: Heartbeat = { v: 1, at: now, version, ...status, codes, audit: parts.audit }
  try {
    await lease?.check().catch((thrown: unknown) => {
      // While nobody can tell whose the state is, it is nobody else's, and hubs must hear what is wrong.
      if (asSeneschalError(thrown).code === 'lease.lost') throw thrown
    })
    const path = join(layout.siteFeed, 'heartbeat.json')
    await writeFileAtomic(path, JSON.stringify(value), { mode: 0o644, fsync: false })
    const report = makeReport({
      state,
      accounts: Object.keys(config.accounts),
      around: { hostOf: (account) => hostOf(config, account) },
      epoch: lease?.epoch ?? 0,
      status,
      waiting: parts.waiting,
      now,
    })
    await writeReport(layout.state, report)
  } catch (error) {
    parts.log.error({ err: error }, 'the heartbeat cannot be written')
  }
}
