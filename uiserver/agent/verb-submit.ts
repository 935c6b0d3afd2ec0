import { type SubmitSettings, submitSettings } from '../../protocol/agent.ts'
import { clockTrouble } from '../../protocol/hub-clock.ts'
import { childEnvironment } from '../../wire/environment.ts'
import { type BatchDirectory, openBatchDirectory } from './batch-directory.ts'
import { parseInputAs } from './input.ts'
import { withLock } from './lock.ts'
import { createSlurm, type Slurm } from './slurm.ts'
import { type Verb, type VerbContext, whenCallerLeaves } from './verb.ts'

/** For sh, whatever is in it. */
const quote = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`

const scriptFor = (entry: string, file: string): string =>
  `#!/bin/sh\nexec ${[process.execPath, entry, 'batch', file].map(quote).join(' ')}\n`

/** One that has been withdrawn is on its way out, whatever Slurm calls it. */
const jobAtHand = async (slurm: Slurm, directory: BatchDirectory) => {
  const [jobs, instances] = await Promise.all([slurm.jobs(), directory.instances()])
  return jobs.filter(({ instance }) => instances.has(instance))
}

const submitNew = async (
  { batch, at, runDirRoot, ...spawn }: SubmitSettings,
  parts: {
    readonly slurm: Slurm
    readonly directory: BatchDirectory
    readonly context: VerbContext
    readonly signal: AbortSignal
  },
) => {
  const { slurm, directory, context, signal } = parts
  const { instance } = spawn
  for (const former of await directory.instances()) await directory.withdraw(former)
  await directory.removeFormer(new Set())
  // Slurm wants its hosts to agree on the time, so the clock of this one speaks for the node's.
  const hubAhead = at === undefined ? 0 : at - Date.now()
  const trouble = clockTrouble(hubAhead)
  if (trouble !== undefined) context.progress(trouble)
  const settings = { ...spawn, hubAhead, ...(runDirRoot === undefined ? {} : { runDirRoot }) }
  await directory.write(instance, { settings, env: childEnvironment(context.env) })
  try {
    signal.throwIfAborted()
    const script = scriptFor(context.entry, directory.file(instance))
    const job = await slurm.submit({ instance, script, log: directory.log(instance), resources: batch })
    if (signal.aborted) await slurm.cancel(job)
    signal.throwIfAborted()
    return { instance, job }
  } catch (error) {
    await directory.withdraw(instance)
    throw error
  }
}

/** Idempotent: answers with the job that is there, whichever instance it runs, or with a new one. */
export const submit: Verb = async (context) => {
  const settings = parseInputAs(submitSettings, context.input)
  const signal = whenCallerLeaves(context.stdin)
  const slurm = createSlurm(context.env, context.slurm)
  const directory = await openBatchDirectory(context.env, settings.runDirRoot)
  await withLock(directory.lock, signal, async () => {
    const [present] = await jobAtHand(slurm, directory)
    const { instance, job } = present ?? (await submitNew(settings, { slurm, directory, context, signal }))
    context.answer({ instance, job })
  })
}
