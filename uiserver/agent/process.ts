/** A process by its number and its start time: a number alone may be somebody else's by now. */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { SeneschalError } from '../../protocol/errors.ts'

export type ProcessIdentity = {
  readonly pid: number
  /** Clock ticks from boot to its start: field 22 of /proc/PID/stat. */
  readonly startTicks: string
}

/** Undefined where there is none, or only a zombie. */
export const identify = async (pid: number): Promise<ProcessIdentity | undefined> => {
  let stat: string
  try {
    stat = await readFile(`/proc/${pid}/stat`, 'latin1')
  } catch (error) {
    // ESRCH: it ended between open and read.
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH')) return undefined
    throw error
  }
  // The name in parentheses may hold spaces and parentheses; the fixed fields begin after the last one.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const startTicks = fields[18]
  if (startTicks === undefined || state === 'Z' || state === 'X') return undefined
  return { pid, startTicks }
}

export const isErrno = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

export const isAlive = async (identity: ProcessIdentity): Promise<boolean> =>
  (await identify(identity.pid))?.startTicks === identity.startTicks

const signalIt = async (identity: ProcessIdentity, signal: NodeJS.Signals, group: boolean): Promise<void> => {
  if (!(await isAlive(identity))) return
  try {
    process.kill(group ? -identity.pid : identity.pid, signal)
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error
  }
}

const goneWithin = async (identity: ProcessIdentity, time: number): Promise<boolean> => {
  const end = performance.now() + time
  while (await isAlive(identity)) {
    if (performance.now() > end) return false
    await sleep(20)
  }
  return true
}

/**
 * Ask it to end, then end it and its process group (it leads its own session). Resolves when it is gone; false where
 * it already was.
 */
export const terminate = async (identity: ProcessIdentity, grace = 5000): Promise<boolean> => {
  if (!(await isAlive(identity))) return false
  await signalIt(identity, 'SIGTERM', false)
  if (await goneWithin(identity, grace)) return true
  await signalIt(identity, 'SIGKILL', true)
  if (await goneWithin(identity, 5000)) return true
  throw new SeneschalError('agent.failed', `Process ${identity.pid} does not end.`)
}
