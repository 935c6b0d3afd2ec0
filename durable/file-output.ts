/** A log file that is written line by line and opened anew when it was moved away, as log rotation does. */
import { closeSync, constants, openSync } from 'node:fs'
import { type LogOutput, openLogOutput } from './log-output.ts'

export type FileOutput = LogOutput & {
  /** After a rotation (SIGHUP): what is written from now on goes to a new file of that name. */
  readonly reopen: () => void
  readonly close: () => void
}

/** What was under way goes to the file that was moved away; it is closed when that is through, ms. */
const lingering = 5000

/** Throws where it cannot be opened: a log that nobody writes is found at the start, not when it is needed. */
export const openFileOutput = (settings: {
  readonly path: string
  readonly mode: number
  readonly lost: (count: number) => string
}): FileOutput => {
  const open = (): number => {
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants
    return openSync(settings.path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, settings.mode)
  }
  let fd = open()
  const output = openLogOutput({ fd: () => fd, lost: settings.lost })
  const closing = new Map<NodeJS.Timeout, number>()
  return {
    write: output.write,
    reopen: () => {
      const former = fd
      fd = open()
      const timer = setTimeout(() => {
        closing.delete(timer)
        closeSync(former)
      }, lingering).unref()
      closing.set(timer, former)
    },
    close: () => {
      output.finish()
      for (const [timer, former] of closing) {
        clearTimeout(timer)
        closeSync(former)
      }
      closing.clear()
      closeSync(fd)
    },
  }
}
