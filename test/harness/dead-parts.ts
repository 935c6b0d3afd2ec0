/** Making parts of a running site hang, run out of disk, or lose their database: what can be put right again. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { processesAt } from '../../demo/leftovers.ts'
import { everyProcess, type Process } from './kill-processes.ts'

/** The processes of a site whose command line matches; a site has its own directory in all of them. */
export const processesIn = (dir: string, words: RegExp): readonly Process[] =>
  everyProcess().filter((process) => process.words.includes(dir) && words.test(process.words))

/** The UI servers of the account with this home. */
export const serversIn = (home: string): readonly Process[] => {
  const ids = new Set(processesAt([home]))
  return everyProcess().filter(({ pid, words }) => ids.has(pid) && /seneschal\.mjs uiserver /.test(words))
}

const signalAll = (processes: readonly Process[], signal: NodeJS.Signals): void => {
  for (const { pid } of processes)
    try {
      process.kill(pid, signal)
    } catch (thrown) {
      // Ended meanwhile: then it neither hangs nor goes on.
      if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown
    }
}
/** They neither work nor end, as behind a dead disk. Returns what lets them go on. */
export const hang = (processes: readonly Process[]): (() => void) => {
  if (processes.length === 0) throw new Error('there is nothing to hang')
  signalAll(processes, 'SIGSTOP')
  return () => goOn(processes)
}

/** Whatever hangs goes on; what ended meanwhile does not. */
export const goOn = (processes: readonly Process[]): void => signalAll(processes, 'SIGCONT')

/** Files of these processes cannot grow beyond so many bytes, as on a full disk. Returns what gives them room again. */
export const fillDiskOf = (processes: readonly Pick<Process, 'pid'>[], bytes: number): (() => void) => {
  if (processes.length === 0) throw new Error('there is nothing to limit')
  const limit = (soft: string) => {
    for (const { pid } of processes) {
      const { status, stderr } = spawnSync('prlimit', ['--pid', String(pid), `--fsize=${soft}:`])
      if (status !== 0) throw new Error(`prlimit: ${stderr}`)
    }
  }
  limit(String(bytes))
  return () => limit('unlimited')
}

/** Another process that has begun to write an SQLite database and does not end; returns what ends it. */
export const holdDatabase = async (file: string): Promise<() => Promise<void>> => {
  const child = spawn(
    process.execPath,
    [
      '-e',
      `const { DatabaseSync } = require('node:sqlite')
       const database = new DatabaseSync(process.argv[1], { timeout: 10000 })
       database.exec('begin exclusive')
       process.stdout.write('held')
       setInterval(() => database.isOpen, 1000)`,
      file,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = once(child, 'exit')
  await Promise.race([
    once(child.stdout, 'data'),
    ended.then(() => {
      throw new Error('the database could not be held')
    }),
  ])
  return async () => {
    child.kill('SIGKILL')
    await ended
  }
}
