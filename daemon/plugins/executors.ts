/** Who carries out the leaves of plans. A new kind of leaf is one executor and one line here. */
import type { LeafKind, LeafStep } from '../../protocol/steps.ts'
import type { Dispatch } from '../dispatch.ts'
import { effectOf, jobOf } from './one-off-job.ts'
import type { Leaf, Run } from './runs.ts'

export type Executor = {
  /** Why this leaf cannot be carried out at all; undefined where it can. Asked before the plan is taken up. */
  readonly objection: (account: string, step: LeafStep) => string | undefined
  /**
   * Begins the leaf, or goes on with it after a restart: the journal knows that it is under way. Called once in the
   * life of a daemon, so whatever it starts is named after run and number and found again by that name.
   */
  readonly start: (run: Run, leaf: Leaf) => void
  /** Ends what is under way; the leaf then ends as failed. */
  readonly cancel: (run: Run, leaf: Leaf) => void
}

/** Kinds without one are refused when they are planned. */
export type Executors = { readonly [K in LeafKind]?: Executor }

/** Jobs go the way of all jobs; their end is news of that job, not the executor's word. */
export const createJobExecutor = (dispatchOf: (account: string) => Dispatch | undefined): Executor => ({
  objection: (account) =>
    dispatchOf(account) === undefined
      ? 'It needs a job, and there is no host for those of this account.'
      : undefined,
  start: (run, { number, step }) => {
    if (step.kind !== 'job') return
    const job = jobOf(run, number)
    dispatchOf(run.account)?.owe(job.workflow, effectOf(job, step))
  },
  cancel: (run, { number }) => {
    const { workflow, cycle, task, submit } = jobOf(run, number)
    dispatchOf(run.account)?.owe(workflow, { kind: 'kill', cycle, task, submit })
  },
})
