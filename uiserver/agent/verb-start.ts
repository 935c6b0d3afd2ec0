import { startSettings } from '../../protocol/agent.ts'
import { clockTrouble } from '../../protocol/hub-clock.ts'
import { parseInputAs } from './input.ts'
import { ensureService } from './launch.ts'
import { lingeringWarning } from './lingering.ts'
import { openRunDirectory } from './run-directory.ts'
import { type Verb, whenCallerLeaves } from './verb.ts'

/** Idempotent: answers with the UI server that is up, whichever instance that is, or with a new one. */
export const start: Verb = async (context) => {
  const settings = parseInputAs(startSettings, context.input)
  const hubAhead = settings.at === undefined ? 0 : settings.at - Date.now()
  const signal = whenCallerLeaves(context.stdin)
  const warning = await lingeringWarning(context.env)
  for (const trouble of [warning, clockTrouble(hubAhead)])
    if (trouble !== undefined) context.progress(trouble)
  context.answer(
    await ensureService({
      service: 'uiserver',
      instance: settings.instance,
      settings: (socket) => ({ ...settings, socket, hubAhead }),
      context,
      directory: await openRunDirectory(context.env, settings.runDirRoot),
      signal,
    }),
  )
}
