/** What deserves the eye first, the same on the home page, in tables and on the wall. */
import {
  type Counts,
  type InstanceRow,
  noCounts,
  type SummaryRow,
  type TaskState,
  type WorkflowRow,
} from '../../protocol/rows.ts'
import { byName } from './order.ts'

/** 0 = act now, 1 = keep an eye on it, 2 = fine. */
export type Severity = 0 | 1 | 2

export const workflowSeverity = (row: WorkflowRow): Severity => {
  if (row.state === 'stalled' || row.problem !== null) return 0
  if (row.counts.failed + row.counts['submit-failed'] > 0) return 0
  return row.counts.late + row.counts.retrying > 0 ? 1 : 2
}

const stateRank: Readonly<Record<TaskState, number>> = {
  failed: 0,
  'submit-failed': 1,
  expired: 3,
  running: 4,
  submitted: 5,
  preparing: 6,
  waiting: 7,
  succeeded: 9,
}

/** Smaller comes first. */
export const instanceRank = (row: InstanceRow): number => {
  const rank = stateRank[row.state]
  if (rank > 1 && row.late) return 2
  return row.stopped || row.held ? Math.min(rank, 3.5) : rank
}

export const bySummary = (a: SummaryRow, b: SummaryRow): number =>
  workflowSeverity(a) - workflowSeverity(b) || byName(a.account, b.account) || byName(a.workflow, b.workflow)

export const addCounts = (a: Counts, b: Counts): Counts => {
  const sum = { ...a }
  for (const key of Object.keys(sum) as (keyof Counts)[]) sum[key] += b[key]
  return sum
}

export const countInstances = (rows: Iterable<InstanceRow>): Counts => {
  const sum = { ...noCounts }
  for (const row of rows) {
    sum[row.state] += 1
    if (row.held) sum.held += 1
    if (row.late) sum.late += 1
    if (row.retryAt !== null) sum.retrying += 1
  }
  return sum
}

/** Why an instance is as it is, in the few words that fit beside its state; the most telling one first. */
export const modifiers = (row: InstanceRow): readonly string[] => {
  const words: string[] = []
  if (row.stopped) words.push('stopped')
  else if (row.held) words.push('held')
  if (row.late) words.push('late')
  if (row.state === 'waiting') {
    if (row.retryAt !== null) words.push('retrying')
    else if (row.queued) words.push('queued')
    else if (row.runahead) words.push('beyond runahead')
  }
  return words
}
