/** Which instances are shown: those that the engine has, and finished ones of cycles that ended not long ago. */
import { instanceKey } from '../protocol/ids.ts'
import type { AccountPut, Drop, InstanceRow, TaskState } from '../protocol/rows.ts'
import type { Workflow, WorkflowChange } from './workflow.ts'
import { keyOfJob } from './workflow-jobs.ts'

/** A cycle as it is shown: live instances, and finished ones that the engine has forgotten. */
export type ShownCycle = { readonly rows: Map<string, InstanceRow>; readonly live: Set<string> }

/** Quiet cycles that stay to be looked at; the job history has them all. */
const quietCycles = 3
const mostShown = 5000

const finished: ReadonlySet<TaskState> = new Set(['succeeded', 'failed', 'submit-failed', 'expired'])
export const alarming: ReadonlySet<TaskState> = new Set(['failed', 'submit-failed', 'expired'])

export const countShown = (flow: Workflow, state: TaskState, by: 1 | -1): void => {
  flow.shown[state] = (flow.shown[state] ?? 0) + by
  flow.shownTotal += by
}

export const cycleOf = (flow: Workflow, cycle: string): ShownCycle => {
  const found = flow.cycles.get(cycle) ?? { rows: new Map(), live: new Set() }
  flow.cycles.set(cycle, found)
  return found
}

export const putLive = (flow: Workflow, row: InstanceRow): AccountPut => {
  const cycle = cycleOf(flow, row.cycle)
  const before = cycle.rows.get(row.task)
  if (before !== undefined && !cycle.live.has(row.task)) countShown(flow, before.state, -1)
  cycle.rows.set(row.task, row)
  cycle.live.add(row.task)
  flow.quiet.delete(row.cycle)
  const key = instanceKey(flow.workflow, row.cycle, row.task)
  if (alarming.has(row.state) || row.late)
    flow.attention.set(key, {
      cycle: row.cycle,
      task: row.task,
      state: row.state,
      late: row.late,
      at: row.at,
    })
  else flow.attention.delete(key)
  return { kind: 'instance', key, row }
}

/** Takes a row out of sight, its jobs with it. */
const forget = (flow: Workflow, cycle: ShownCycle, row: InstanceRow): Drop => {
  cycle.rows.delete(row.task)
  const key = instanceKey(flow.workflow, row.cycle, row.task)
  for (const job of flow.jobs.byInstance.get(key)?.values() ?? []) flow.jobs.killing.delete(keyOfJob(job))
  flow.jobs.byInstance.delete(key)
  return { kind: 'instance', key }
}

export const leave = (flow: Workflow, row: InstanceRow, change: WorkflowChange): void => {
  const cycle = cycleOf(flow, row.cycle)
  const key = instanceKey(flow.workflow, row.cycle, row.task)
  cycle.live.delete(row.task)
  flow.attention.delete(key)
  if (finished.has(row.state) && flow.shownTotal < mostShown) {
    cycle.rows.set(row.task, row)
    countShown(flow, row.state, 1)
    change.put.push({ kind: 'instance', key, row })
  } else change.drop.push(forget(flow, cycle, row))
  if (cycle.live.size === 0) {
    flow.quiet.delete(row.cycle)
    flow.quiet.add(row.cycle)
  }
}

export const clearQuiet = (flow: Workflow, change: WorkflowChange): void => {
  for (const name of flow.quiet) {
    const cycle = flow.cycles.get(name)
    const empty = cycle === undefined || cycle.rows.size === 0
    if (!empty && flow.quiet.size <= quietCycles && flow.shownTotal < mostShown) return
    for (const row of cycle?.rows.values() ?? []) {
      countShown(flow, row.state, -1)
      if (cycle !== undefined) change.drop.push(forget(flow, cycle, row))
    }
    flow.cycles.delete(name)
    flow.quiet.delete(name)
  }
}
