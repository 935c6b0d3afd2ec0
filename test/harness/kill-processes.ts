/** The processes of a running site by the part that they are, as /proc shows them. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export type Process = {
  readonly pid: number
  readonly parent: number
  readonly start: string
  readonly words: string
}

const read = (path: string): string => {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // Gone by now.
    return ''
  }
}

/** undefined for one that is gone, or only a zombie. */
const look = (pid: number): Process | undefined => {
  const stat = read(`/proc/${pid}/stat`)
  // The name in parentheses may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, parent, start] = [fields[0], fields[1], fields[19]]
  if (start === undefined || state === 'Z' || state === 'X') return undefined
  return { pid, parent: Number(parent), start, words: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ') }
}

export const everyProcess = (): readonly Process[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => look(Number(name)) ?? [])

export const runs = (pid: number): boolean => look(pid) !== undefined

export const isHere = ({ pid, start }: Process): boolean => look(pid)?.start === start

/** SIGKILL to all at once; resolves when they are gone. */
export const killAll = async (processes: readonly Process[]): Promise<void> => {
  for (const { pid } of processes)
    try {
      process.kill(pid, 'SIGKILL')
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown
    }
  while (processes.some(isHere)) await sleep(2)
}
