/** Jobs whose end is awaited, whether a workflow or a plugin run has them. */
import type { JobEvent } from '../engine/types.ts'
import { type JobName, keyOf } from '../protocol/jobs.ts'
import type { JobRow } from '../protocol/rows.ts'
import type { DaemonEvent } from './events.ts'
import { oneOffWorkflow } from './plugins/one-off-job.ts'
import { awaitedJobs as awaitedOfRun, runOfJob } from './plugins/runs.ts'
import { type DaemonState, everyWorkflow, findWorkflow } from './state.ts'

export const awaitedJob = (state: DaemonState, account: string, job: JobName): JobRow | undefined => {
  if (job.workflow !== oneOffWorkflow)
    return findWorkflow(state, account, job.workflow)?.awaited.get(keyOf(job))
  const run = runOfJob(state.runs, account, job)
  return run === undefined ? undefined : awaitedOfRun(run).find(({ submit }) => submit === job.submit)
}

export function* awaitedJobs(state: DaemonState, account: string): Generator<JobRow> {
  for (const flow of state.workflows.get(account)?.values() ?? []) yield* flow.awaited.values()
  for (const run of state.runs.byRequest.values()) if (run.account === account) yield* awaitedOfRun(run)
}

/** The same of all accounts, in one pass. */
export function* everyAwaitedJob(state: DaemonState): Generator<readonly [account: string, row: JobRow]> {
  for (const { account, awaited } of everyWorkflow(state))
    for (const row of awaited.values()) yield [account, row]
  for (const run of state.runs.byRequest.values())
    for (const row of awaitedOfRun(run)) yield [run.account, row]
}

/** Which workflow of that name is there now; runs of plugins have names that never come again. */
export const incarnationOf = (state: DaemonState, account: string, workflow: string): string | undefined =>
  findWorkflow(state, account, workflow)?.incarnation

/** Not of a workflow that had the name before. */
export const isOfPresent = (state: DaemonState, account: string, job: JobName): boolean =>
  job.incarnation === incarnationOf(state, account, job.workflow)

/** A person or the engine had it killed. */
export const isKilling = (state: DaemonState, account: string, job: JobName): boolean =>
  (job.workflow === oneOffWorkflow
    ? runOfJob(state.runs, account, job)
    : findWorkflow(state, account, job.workflow)
  )?.jobs.killing.has(keyOf(job)) === true

export const jobNews = (account: string, workflow: string, event: JobEvent, at: number): DaemonEvent =>
  workflow === oneOffWorkflow
    ? { kind: 'run-job', at, account, event }
    : { kind: 'engine', at, account, workflow, event }
