import { verbInput } from '../../protocol/agent.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { parseInputAs } from './input.ts'
import { joinSocket } from './join-socket.ts'
import { openRunDirectory } from './run-directory.ts'
import { connectSocket, present, readRecord } from './service.ts'
import type { Verb } from './verb.ts'

/** Becomes a pipe to the UI server's socket. Starts nothing. */
export const connect: Verb = async (context) => {
  const { runDirRoot, instance } = parseInputAs(verbInput, context.input)
  const record = await readRecord(await openRunDirectory(context.env, runDirRoot), 'uiserver')
  if (record === undefined) throw new SeneschalError('server.off')
  if (instance !== undefined && instance !== record.instance)
    throw new SeneschalError('server.off', 'Another one was started since.')
  const socket = await connectSocket(record.socket)
  if (socket === undefined) throw new SeneschalError('server.off', 'Nobody accepts on its socket.')
  context.answer(present(record))
  await joinSocket(context, socket)
}
