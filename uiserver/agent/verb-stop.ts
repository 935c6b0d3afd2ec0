import { verbInput } from '../../protocol/agent.ts'
import { parseInputAs } from './input.ts'
import { withLock } from './lock.ts'
import { terminate } from './process.ts'
import { openRunDirectory } from './run-directory.ts'
import { readRecord } from './service.ts'
import { type Verb, whenCallerLeaves } from './verb.ts'

/** Ends the UI server, or only `instance` where one is named. Waits for a start under way. */
export const stop: Verb = async (context) => {
  const { runDirRoot, instance } = parseInputAs(verbInput, context.input)
  const directory = await openRunDirectory(context.env, runDirRoot)
  const stopped = await withLock(directory.lock('uiserver'), whenCallerLeaves(context.stdin), async () => {
    const record = await readRecord(directory, 'uiserver')
    if (record === undefined || (instance !== undefined && instance !== record.instance)) return false
    return terminate(record)
  })
  context.answer({ stopped })
}
