import { startSettings } from '../../protocol/agent.ts'
import { parseInputAs } from './input.ts'
import { ensureService } from './launch.ts'
import { lingeringWarning } from './lingering.ts'
import { openRunDirectory } from './run-directory.ts'
import { type Verb, whenCallerLeaves } from './verb.ts'

/** Idempotent: answers with the UI server that is up, whichever instance that is, or with a new one. */
export const start: Verb = async (context) => {
  const settings = parseInputAs(startSettings, context.input)
  const signal = whenCallerLeaves(context.stdin)
  const warning = await lingeringWarning(context.env)
  if (warning !== undefined) context.progress(warning)
  context.answer(
    await ensureService({
      service: 'uiserver',
      instance: settings.instance,
      settings: (socket) => ({ ...settings, socket }),
      context,
      directory: await openRunDirectory(context.env, settings.runDirRoot),
      signal,
    }),
  )
}
