import { randomBytes } from 'node:crypto'
import { jobsSettings } from '../../protocol/agent.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { parseInputAs } from './input.ts'
import { joinSocket } from './join-socket.ts'
import { ensureService } from './launch.ts'
import { lingeringWarning } from './lingering.ts'
import { openRunDirectory } from './run-directory.ts'
import { connectSocket } from './service.ts'
import type { Verb } from './verb.ts'

/**
 * Becomes a pipe to the job supervisor's socket, starting one where none runs. Unlike a UI server, a supervisor half
 * started is left to come up when the caller goes: the next call needs it all the same.
 */
export const jobs: Verb = async (context) => {
  const settings = parseInputAs(jobsSettings, context.input)
  const warning = await lingeringWarning(context.env)
  if (warning !== undefined) context.progress(warning)
  const server = await ensureService({
    service: 'supervisor',
    instance: randomBytes(16).toString('hex'),
    settings: (socket) => ({ ...settings, socket }),
    context,
    directory: await openRunDirectory(context.env, settings.runDirRoot),
    signal: new AbortController().signal,
  })
  const socket = await connectSocket(server.socket)
  if (socket === undefined)
    throw new SeneschalError('agent.failed', 'The job supervisor ended as it was reached.')
  context.answer(server)
  await joinSocket(context, socket)
}
