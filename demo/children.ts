/** The demonstration's own processes: started again when they end, as a service manager would. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type Child = {
  readonly name: string
  readonly pid: () => number | undefined
  /** SIGTERM, then SIGKILL after five seconds; not started again. */
  readonly stop: () => Promise<void>
}

export type ChildSettings = {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  /** stdout and stderr go to `NAME.log` there, the process id to `NAME.pid`. */
  readonly logDir: string
  readonly say: (line: string) => void
  /** Default: a second. */
  readonly restartAfterMs?: number
}

const restartAfterMs = 1000
const killAfterMs = 5000

export const startChild = (settings: ChildSettings): Child => {
  const { name, logDir } = settings
  mkdirSync(logDir, { recursive: true })
  const pidFile = join(logDir, `${name}.pid`)
  let child: ChildProcess | undefined
  let restart: NodeJS.Timeout | undefined
  let stopping = false

  const start = (): void => {
    const log = openSync(join(logDir, `${name}.log`), 'a', 0o600)
    const started = spawn(settings.command, [...settings.args], {
      cwd: settings.cwd,
      env: { ...settings.env },
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    const over = (how: string) => {
      child = undefined
      rmSync(pidFile, { force: true })
      if (stopping) return
      settings.say(`${name} ${how}; see ${join(logDir, `${name}.log`)}. It is started again.`)
      restart = setTimeout(start, settings.restartAfterMs ?? restartAfterMs)
    }
    started.once('exit', (code, signal) => over(`ended (${signal ?? `exit ${code}`})`))
    started.on('error', (error) => {
      // Without a process there is no exit either.
      if (started.pid === undefined) over(`cannot be started: ${error.message}`)
      else settings.say(`${name}: ${error.message}`)
    })
    if (started.pid === undefined) return
    child = started
    writeFileSync(pidFile, `${started.pid}\n`)
  }
  start()

  return {
    name,
    pid: () => child?.pid,
    stop: async () => {
      stopping = true
      clearTimeout(restart)
      const running = child
      if (running === undefined) return
      const ended = new Promise<void>((resolve) => running.once('exit', () => resolve()))
      running.kill('SIGTERM')
      const timer = setTimeout(() => running.kill('SIGKILL'), killAfterMs)
      await ended
      clearTimeout(timer)
    },
  }
}
