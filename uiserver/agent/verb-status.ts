import { verbInput } from '../../protocol/agent.ts'
import { parseInputAs } from './input.ts'
import { openRunDirectory } from './run-directory.ts'
import { findService } from './service.ts'
import type { Verb } from './verb.ts'

export const status: Verb = async (context) => {
  const { runDirRoot } = parseInputAs(verbInput, context.input)
  context.answer((await findService(await openRunDirectory(context.env, runDirRoot), 'uiserver')).status)
}
