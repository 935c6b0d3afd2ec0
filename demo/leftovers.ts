/** Detached processes of a demonstration (agents, UI servers, supervisors, jobs), found by the home they run in. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const environmentOf = (pid: string): readonly string[] => {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
  } catch {
    // Gone by now, or somebody else's.
    return []
  }
}

/** Processes whose HOME is one of these directories. */
export const processesAt = (homes: readonly string[]): readonly number[] => {
  const wanted = new Set(homes.map((home) => `HOME=${home}`))
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => environmentOf(pid).some((entry) => wanted.has(entry)))
    .map(Number)
}

/** Processes whose command line names this file: an sshd, which takes no HOME. */
export const processesOf = (file: string): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        // sshd rewrites its title, so arguments may be separated by spaces instead of NULs.
        const words = ` ${readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')} `
        return words.includes('sshd') && words.includes(` ${file} `)
      } catch {
        // Gone by now.
        return false
      }
    })
    .map(Number)

const signal = (pids: readonly number[], name: NodeJS.Signals): void => {
  for (const pid of pids)
    try {
      process.kill(pid, name)
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown
    }
}

/** Ends an sshd that an earlier run left behind, by its configuration file. */
export const endSshd = (config: string): void => signal(processesOf(config), 'SIGTERM')

/** Ends them all: asked first, then made to. */
export const endProcessesAt = async (homes: readonly string[]): Promise<void> => {
  signal(processesAt(homes), 'SIGTERM')
  for (let waited = 0; waited < 3000 && processesAt(homes).length > 0; waited += 100) await sleep(100)
  for (let round = 0; round < 20; round++) {
    const left = processesAt(homes)
    if (left.length === 0) return
    signal(left, 'SIGKILL')
    await sleep(50)
  }
}
