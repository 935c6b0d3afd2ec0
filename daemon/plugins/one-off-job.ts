/** A plan's `job` as a job of the account like any other, in a place that no workflow has. */
import type { Effect } from '../../engine/types.ts'
import type { JobName } from '../../protocol/jobs.ts'
import type { JobStep } from '../../protocol/steps.ts'

/** Where the logs of plugin runs lie: `_submit/log/job/TIME/REQUEST/NN`. No definition may have this name. */
export const oneOffWorkflow = '_submit'

/** `20261122T061500Z`: runs sort by time on disk and in histories. */
const labelOf = (at: number): string => `${new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`

/** Made from the request alone, so a submission that is repeated finds the job that is there. */
export const jobOf = (run: { readonly id: string; readonly at: number }, number: number): JobName => ({
  workflow: oneOffWorkflow,
  cycle: labelOf(run.at),
  task: run.id,
  submit: number,
})

/** One word of a POSIX shell, whatever it holds: between single quotes nothing has a meaning. */
const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

/** The program gets exactly these words: no expansion, no second shell. */
export const scriptOf = (step: JobStep): string =>
  'argv' in step ? `exec ${step.argv.map(quoted).join(' ')}\n` : step.script

export const effectOf = (job: JobName, step: JobStep): Extract<Effect, { kind: 'submit' }> => ({
  kind: 'submit',
  cycle: job.cycle,
  task: job.task,
  submit: job.submit,
  attempt: 1,
  job: {
    runner: step.runner ?? 'background',
    script: scriptOf(step),
    environment: step.environment ?? {},
    ...(step.timeLimitMs === undefined ? {} : { timeLimitMs: step.timeLimitMs }),
  },
})
