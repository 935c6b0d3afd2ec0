/** Processes as /proc shows them. A number alone is nobody: start time and boot tell whether it is still the same. */
import { readdir, readFile } from 'node:fs/promises'
import { errnoOf } from '../durable/files.ts'

export type ProcessId = { readonly pid: number; readonly start: string; readonly boot: string }

export type ProcessFacts = {
  readonly pid: number
  readonly session: number
  /** In clock ticks since the boot, as text: only ever compared. */
  readonly start: string
  /** A zombie is dead; only its parent has not looked yet. */
  readonly dead: boolean
}

export const bootId = async (): Promise<string> =>
  (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()

const gone = (error: unknown): undefined => {
  const code = errnoOf(error)
  if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM') return undefined
  throw error
}

export const factsOf = async (pid: number): Promise<ProcessFacts | undefined> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(gone)
  if (stat === undefined) return undefined
  // The second field is the program's name in parentheses and may hold anything, parentheses too.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, session, start] = [fields[0], fields[3], fields[19]]
  if (session === undefined || start === undefined) return undefined
  return { pid, session: Number(session), start, dead: state === 'Z' || state === 'X' }
}

/** Whether that very process still runs. */
export const isAlive = async (id: ProcessId, boot: string): Promise<boolean> => {
  if (id.boot !== boot) return false
  const facts = await factsOf(id.pid)
  return facts !== undefined && !facts.dead && facts.start === id.start
}

/**
 * The living processes of a job: those in the session of its leader, as long as that is the recorded one, and those
 * whose environment at their start had the job's marker, wherever they went since. Only those of this user can be
 * looked into, so those of others never count.
 */
export const membersOf = async (
  leader: ProcessId | undefined,
  marker: string,
  boot: string,
): Promise<readonly ProcessFacts[]> => {
  const leads = leader !== undefined && (await isAlive(leader, boot))
  const needle = Buffer.from(`\0${marker}\0`)
  const members: ProcessFacts[] = []
  for (const name of await readdir('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue
    const pid = Number(name)
    if (pid === process.pid) continue
    const environment = await readFile(`/proc/${name}/environ`).catch(gone)
    if (environment === undefined) continue
    const facts = await factsOf(pid)
    if (facts === undefined || facts.dead) continue
    const marked = Buffer.concat([Buffer.of(0), environment, Buffer.of(0)]).includes(needle)
    if (marked || (leads && facts.session === leader.pid)) members.push(facts)
  }
  return members
}

/** Signals a process if it is still the one that was looked at. */
export const signal = async (facts: ProcessFacts, name: NodeJS.Signals): Promise<void> => {
  const now = await factsOf(facts.pid)
  if (now === undefined || now.dead || now.start !== facts.start) return
  try {
    process.kill(facts.pid, name)
  } catch (error) {
    gone(error)
  }
}
