import { verbInput } from '../../protocol/agent.ts'
import { parseInputAs } from './input.ts'
import { residentBytes } from './process.ts'
import { openRunDirectory } from './run-directory.ts'
import { findService, lastLines } from './service.ts'
import type { Verb } from './verb.ts'

/** Of a log that is asked for. Bytes that JSON has to write out make six of one, and the answer is one line. */
const mostLines = 300
const mostBytes = 32 * 1024

export const status: Verb = async (context) => {
  const { runDirRoot, log } = parseInputAs(verbInput, context.input)
  const directory = await openRunDirectory(context.env, runDirRoot)
  const { status: found } = await findService(directory, 'uiserver')
  if (found.state !== 'running' && found.state !== 'silent') return context.answer(found)
  const memory = await residentBytes(found.pid)
  const lines = log === true ? await lastLines(directory.log('uiserver'), mostLines, mostBytes) : undefined
  context.answer({
    ...found,
    ...(memory === undefined ? {} : { memory }),
    ...(lines === undefined ? {} : { log: [...lines] }),
  })
}
