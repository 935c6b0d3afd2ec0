/** A log as it grows: what is there from an offset on, then what comes, at the reader's pace. */

import { createReadStream } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { statFile } from '../durable/lines.ts'
import { runOnChange } from '../durable/watch.ts'
import { drained } from './drained.ts'

export type FollowLog = {
  readonly fd: number
  readonly offset: number
  readonly response: ServerResponse
  /** Whether the job ended: what it wrote is still read to its end. */
  readonly over: () => boolean
  /** Whether the reader may still read: if not, nothing more is sent. */
  readonly allowed: () => boolean
  readonly signal: AbortSignal
}

/** Also how long a job that ended may still be flushing its output, ms. */
const pollMs = 1000

/** Resolves when it is over or the signal is aborted. The caller closes file and answer. */
export const followLog = async ({
  fd,
  offset,
  response,
  over,
  allowed,
  signal,
}: FollowLog): Promise<void> => {
  let position = offset
  const ended = new AbortController()
  const stop = AbortSignal.any([signal, ended.signal])

  const send = async (end: number): Promise<void> => {
    const pieces = createReadStream('', { fd, start: position, end: end - 1, autoClose: false })
    for await (const piece of pieces) {
      if (stop.aborted) return
      position += piece.length
      if (!response.write(piece)) await drained(response, stop)
    }
  }

  const failed = (error: Error | null): void => {
    if (error !== null) response.destroy(error)
  }
  let wasOver = false
  const run = async (): Promise<void> => {
    if (!allowed()) return ended.abort()
    // Asked before reading: what was written until then is read now, and one more round later the rest.
    const isOver = over()
    const { size } = await statFile(fd)
    // Cut off by its job: it begins again, and so do we.
    if (size < position) position = 0
    const before = position
    if (size > position) await send(size)
    if (isOver && wasOver && position === before) ended.abort()
    wasOver = isOver
  }
  await runOnChange({ path: `/proc/self/fd/${fd}`, pollMs, run, onProblem: failed, signal: stop })
}
