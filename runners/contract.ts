/**
 * What a runner is: a way to start jobs on one host, as the account whose supervisor loads it. A new one is one file
 * that implements `Runner` and one line in runners/registry.ts.
 */
import type { JobName, JobState, JobSubmission } from '../protocol/jobs.ts'

/** Of this contract; a runner that says another number is refused when it is loaded. */
export const runnerContract = 1

/** A job whose directory is ready: the wrapper, the script and the settings lie in it. */
export type PreparedJob = {
  readonly job: JobName
  /** Absolute: `…/log/job/CYCLE/TASK/NN`. */
  readonly directory: string
  readonly submission: JobSubmission
  /** Everything that the job's process may see, and nothing else. */
  readonly environment: Readonly<Record<string, string>>
  /** Where it starts. */
  readonly workDirectory: string
  /** The program that runs it, with its arguments. */
  readonly command: readonly [string, ...string[]]
}

export type Runner = {
  readonly name: string
  readonly contract: typeof runnerContract
  /**
   * Starts the job, or finds it: idempotent by the job's directory, also after this process was killed at any moment.
   * Resolves once the job is on its way; rejects with `job.submit-failed`.
   */
  readonly submit: (prepared: PreparedJob) => Promise<void>
  /**
   * How jobs are, by directory, many at once. One that cannot be looked at has its error there; where nothing can be
   * asked the query rejects. Neither is ever "lost".
   */
  readonly poll: (directories: readonly string[]) => Promise<ReadonlyMap<string, JobState | Error>>
  /**
   * Asks the job to end (TERM), makes it after the grace period (KILL), children in its session included. Resolves
   * when it was asked. Whoever merely has the recorded process id is never touched.
   */
  readonly kill: (directory: string) => Promise<void>
  /** Resolves once nothing of a job that has ended is on its way any more, so that its directory can be moved. */
  readonly left: (directory: string) => Promise<void>
  /** Jobs of this runner that this process knows to be under way. */
  readonly active: () => number
  /** Ends timers and watches, not the jobs. */
  readonly close: () => void
}

export type RunnerDeps = {
  /** Epoch, ms. */
  readonly now: () => number
  /** Between TERM and KILL, ms. */
  readonly graceMs: number
  /** For operators; never a secret. */
  readonly warn: (message: string, context: Readonly<Record<string, unknown>>) => void
}
