import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import type { StatsAnswer } from '../../protocol/agent.ts'
import { isErrno } from './process.ts'
import type { Verb } from './verb.ts'

const memory = (): StatsAnswer['memory'] => {
  const text = readFileSync('/proc/meminfo', 'utf8')
  const bytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024
  return { total: bytes('MemTotal'), available: bytes('MemAvailable') }
}

/** Processes `… ENTRY uiserver`, of any account as far as /proc shows them (hidepid shows one's own). */
const countServers = (entry: string): number => {
  const marker = `\0${entry}\0uiserver\0`
  let count = 0
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      if (readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(marker)) count += 1
    } catch (error) {
      // It ended meanwhile, or may not be seen.
      if (!isErrno(error, 'ENOENT') && !isErrno(error, 'ESRCH') && !isErrno(error, 'EACCES')) throw error
    }
  }
  return count
}

export const stats: Verb = async ({ answer, entry }) => {
  const [one = 0, five = 0, fifteen = 0] = loadavg()
  const found: StatsAnswer = {
    load: [one, five, fifteen],
    cores: availableParallelism(),
    memory: memory(),
    sessions: countServers(entry),
  }
  answer(found)
}
