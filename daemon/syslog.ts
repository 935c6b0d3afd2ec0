/** The system's log, through logger(1), which knows sockets that Node does not. */
import { type ChildProcess, spawn } from 'node:child_process'

export type SyslogOutput = { readonly write: (line: string) => void; readonly close: () => void }

/** pino's levels → severities of RFC 5424, in the facility daemon (3). */
const priorityOf = (line: string): number => {
  const level = Number(/^\{"level":(\d+)/.exec(line)?.[1] ?? 30)
  const severity = level >= 60 ? 2 : level >= 50 ? 3 : level >= 40 ? 4 : level >= 30 ? 6 : 7
  return 3 * 8 + severity
}

/** Characters that wait for a logger that does not read; lines beyond are lost. */
const mostWaiting = 1024 * 1024
const restartPause = 1000

export const openSyslogOutput = (settings: {
  readonly tag: string
  /** A socket other than the system's: `--socket PATH`. */
  readonly socket?: string
}): SyslogOutput => {
  const options = ['--id', '--tag', settings.tag, '--prio-prefix', '--rfc5424=notq', '--size', '16KiB']
  const where = settings.socket === undefined ? [] : ['--socket', settings.socket]
  let child: ChildProcess | undefined
  let closed = false
  let later: NodeJS.Timeout | undefined

  const start = (): void => {
    const started = spawn('logger', [...options, ...where], { stdio: ['pipe', 'ignore', 'ignore'] })
    child = started
    const again = (): void => {
      if (child !== started) return
      child = undefined
      if (!closed) later = setTimeout(start, restartPause).unref()
    }
    started.on('error', again)
    started.on('exit', again)
    started.stdin?.on('error', () => undefined)
    started.unref()
  }
  start()
  return {
    write: (line) => {
      const to = child?.stdin
      // Lost: there is no other place to say so, and nobody waits for a log.
      if (to == null || to.writableLength > mostWaiting) return
      to.write(`<${priorityOf(line)}>${line}`)
    },
    close: () => {
      closed = true
      clearTimeout(later)
      child?.stdin?.end()
    },
  }
}
