import { batchInput } from '../../protocol/agent.ts'
import { openBatchDirectory } from './batch-directory.ts'
import { parseInputAs } from './input.ts'
import { lastLines } from './service.ts'
import { createSlurm } from './slurm.ts'
import type { Verb } from './verb.ts'

/** Where the job of an instance is. One that ends and may start again waits. */
export const queue: Verb = async (context) => {
  const { runDirRoot, instance } = parseInputAs(batchInput, context.input)
  const directory = await openBatchDirectory(context.env, runDirRoot)
  const jobs = await createSlurm(context.env, context.slurm).jobs()
  // Asked after Slurm: a job that has ended by itself withdraws its file first.
  const mayStart = (await directory.instances()).has(instance)
  const found = jobs.find((one) => one.instance === instance)
  if (found === undefined || (found.state === 'ending' && !mayStart))
    return context.answer({ state: 'absent', log: [...(await lastLines(directory.log(instance)))] })
  const { state, job, node, why } = found
  if (state === 'running') return context.answer({ state, job, node })
  context.answer({ state: 'waiting', job, why: state === 'ending' ? 'Completing' : why })
}
