/**
 * Where a part's log goes, line by line. A log that cannot be written (its disk is full) ends nobody and holds up
 * nobody: lines are lost, and how many is said as soon as there is room again.
 */
import { write, writeSync } from 'node:fs'

export type LogOutput = { readonly write: (line: string) => void }
export type OpenLogOutput = LogOutput & {
  /** What waits is written before it returns: the last words. */
  readonly finish: () => void
}

export type LogOutputSettings = {
  /** A function where it may become another one. */
  readonly fd: number | (() => number)
  /** What stands for the lines that were lost. */
  readonly lost: (count: number) => string
}

/** What waits for a slow reader, characters; lines beyond are lost. */
const mostWaiting = 1024 * 1024

export const openLogOutput = ({ fd, lost }: LogOutputSettings): OpenLogOutput => {
  const target = typeof fd === 'number' ? () => fd : fd
  let waiting: string[] = []
  let size = 0
  let missing = 0
  /** The last write broke off within a line. */
  let torn = false
  let busy = false
  let begun = false

  const take = (): Buffer => {
    const told = missing > 0 ? lost(missing) : ''
    const bytes = Buffer.from(`${torn ? '\n' : ''}${told}${waiting.join('')}`)
    waiting = []
    size = 0
    return bytes
  }
  const flush = (): void => {
    if (busy || waiting.length === 0) return
    busy = true
    const atStake = missing + waiting.length
    const bytes = take()
    const to = target()
    missing = 0
    const put = (from: number): void =>
      write(to, bytes, from, bytes.length - from, null, (error, written) => {
        // A pipe whose reader is behind.
        if (error?.code === 'EAGAIN') return void setTimeout(put, 10, from)
        if (error === null && from + written < bytes.length) return put(from + written)
        if (error === null) torn = false
        else {
          missing += atStake
          torn ||= from > 0
        }
        busy = false
        flush()
      })
    put(0)
  }
  /** The last words of a process; what cannot be said now never will. */
  const finish = (): void => {
    if (waiting.length === 0) return
    try {
      writeSync(target(), take())
    } catch {
      // There is nobody left to be told.
    }
  }

  return {
    finish,
    write: (line) => {
      if (size + line.length > mostWaiting) {
        missing += 1
        return
      }
      if (!begun) process.once('exit', finish)
      begun = true
      waiting.push(line)
      size += line.length
      if (!busy) setImmediate(flush)
    },
  }
}
