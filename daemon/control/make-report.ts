/** From the daemon's state to its report. */
import type { Heartbeat } from '../../protocol/feed.ts'
import { version } from '../../protocol/version.ts'
import { everyAwaitedJob } from '../known-jobs.ts'
import type { DaemonState, Surroundings } from '../state.ts'
import type { Report } from './report.ts'
import { restsOf } from './standstill.ts'

export const makeReport = (parts: {
  readonly state: DaemonState
  readonly accounts: readonly string[]
  readonly around: Surroundings
  readonly epoch: number
  readonly status: Pick<Heartbeat, 'state' | 'problem'>
  /** Events that wait for the disk. */
  readonly waiting: number
  readonly now: number
}): Report => {
  const { state, around } = parts
  const jobs = new Map(parts.accounts.map((account) => [account, { preparing: 0, submitted: 0, running: 0 }]))
  for (const [account, row] of everyAwaitedJob(state)) {
    const counts = jobs.get(account)
    if (counts !== undefined && Object.hasOwn(counts, row.state))
      counts[row.state as keyof typeof counts] += 1
  }
  return {
    v: 1,
    at: parts.now,
    version,
    epoch: parts.epoch,
    ...parts.status,
    queues: {
      requests: state.requests.waiting.size,
      runs: state.runs.byRequest.size,
      changes: parts.waiting,
    },
    accounts: [...jobs].map(([account, counts]) => {
      const host = around.hostOf(account)
      const problem = state.accounts.get(account)?.problem ?? null
      return { account, host, problem, rests: restsOf(state.standstill, { account, host }), jobs: counts }
    }),
  }
}
