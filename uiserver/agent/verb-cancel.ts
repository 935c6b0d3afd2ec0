import { setTimeout as sleep } from 'node:timers/promises'
import { batchInput } from '../../protocol/agent.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { openBatchDirectory } from './batch-directory.ts'
import { parseInputAs } from './input.ts'
import { withLock } from './lock.ts'
import { createSlurm } from './slurm.ts'
import { type Verb, whenCallerLeaves } from './verb.ts'

/** Until Slurm has ended a job's processes; after that only a node that is gone still holds it, ms. */
const patience = 20_000
const pause = { first: 100, last: 1000 }

/** Ends the job of that instance alone; answers when it runs no more. */
export const cancel: Verb = async (context) => {
  const { runDirRoot, instance } = parseInputAs(batchInput, context.input)
  const slurm = createSlurm(context.env, context.slurm)
  const directory = await openBatchDirectory(context.env, runDirRoot)
  const signal = whenCallerLeaves(context.stdin)
  await withLock(directory.lock, signal, async () => {
    // First: from now on it does not start, whatever becomes of the rest.
    await directory.withdraw(instance)
    const find = async () => (await slurm.jobs()).find((one) => one.instance === instance)
    const found = await find()
    if (found === undefined) return context.answer({ cancelled: false })
    await slurm.cancel(found.job)
    const end = performance.now() + patience
    for (let wait = pause.first; ; wait = Math.min(wait * 1.5, pause.last)) {
      const left = await find()
      if (left === undefined) return context.answer({ cancelled: true })
      if (performance.now() > end) {
        // Its node does not answer Slurm, which starts it nowhere else.
        if (left.state === 'ending') return context.answer({ cancelled: true })
        throw new SeneschalError('agent.failed', `Slurm has not ended job ${found.job} yet.`)
      }
      await sleep(wait, undefined, { signal })
    }
  })
}
