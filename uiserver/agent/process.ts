/** A process by its number and its start time: a number alone may be somebody else's by now. */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { SeneschalError } from '../../protocol/errors.ts'

export type ProcessIdentity = {
  readonly pid: number
  /** Clock ticks from boot to its start: field 22 of /proc/PID/stat. */
  readonly startTicks: string
}

type Stat = {
  readonly startTicks: string
  /** R runs or could, D waits for a disk, S sleeps, T is stopped, … */
  readonly state: string
  /** Processor time of all its threads so far, clock ticks. */
  readonly spent: number
}

/** Undefined where there is none, or only a zombie. */
const statOf = async (pid: number): Promise<Stat | undefined> => {
  let stat: string
  try {
    stat = await readFile(`/proc/${pid}/stat`, 'latin1')
  } catch (error) {
    // ESRCH: it ended between open and read.
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH')) return undefined
    throw error
  }
  // The name in parentheses may hold spaces and parentheses; the fixed fields begin after the last one.
  const [state = 'X', ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const startTicks = fields[18]
  if (startTicks === undefined || state === 'Z' || state === 'X') return undefined
  return { startTicks, state, spent: Number(fields[10]) + Number(fields[11]) }
}

/** Undefined where there is none, or only a zombie. */
export const identify = async (pid: number): Promise<ProcessIdentity | undefined> => {
  const stat = await statOf(pid)
  return stat === undefined ? undefined : { pid, startTicks: stat.startTicks }
}

/** What it holds in memory; undefined where it is gone. */
export const residentBytes = async (pid: number): Promise<number | undefined> => {
  try {
    const found = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'latin1'))
    return found === null ? undefined : Number(found[1]) * 1024
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH')) return undefined
    throw error
  }
}

/** Call the second of these when it had time to do something: whether it did, or would have if it could. */
export const watchEffort = async ({ pid }: ProcessIdentity): Promise<() => Promise<boolean>> => {
  const before = await statOf(pid)
  return async () => {
    const after = await statOf(pid)
    if (before === undefined || after === undefined || before.startTicks !== after.startTicks) return false
    return after.state === 'R' || after.state === 'D' || after.spent > before.spent
  }
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
