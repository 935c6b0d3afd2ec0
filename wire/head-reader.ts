/** Reading pieces of text from the head of a byte stream and leaving the rest in it. */
import type { Readable } from 'node:stream'

export type Head =
  | { readonly found: true; readonly bytes: Buffer }
  /** The stream ended, broke or exceeded the limit first; `bytes` are what came. */
  | { readonly found: false; readonly bytes: Buffer; readonly over: boolean }

export type HeadReader = {
  /**
   * Take everything up to and including `marker`. Never rejects for what the far side does; rejects with the signal's
   * reason when aborted, with nothing taken. One call at a time.
   */
  readonly until: (marker: Buffer, limit: number, signal?: AbortSignal) => Promise<Head>
  /** Puts what was read and not taken back into the stream, which is left paused. Nothing may be asked after it. */
  readonly leave: () => void
}

/** What each byte costs does not depend on how many come at once, nor on how many pieces there are in them. */
export const createHeadReader = (stream: Readable): HeadReader => {
  // Grows by doubling, and what was taken is moved out of the way only where there is no room behind it.
  let buffer = Buffer.alloc(1024)
  let start = 0
  let end = 0

  const append = (chunk: Buffer) => {
    if (end + chunk.length > buffer.length) {
      const held = end - start
      const target =
        held + chunk.length > buffer.length / 2 ? Buffer.alloc((held + chunk.length) * 2) : buffer
      buffer.copy(target, 0, start, end)
      buffer = target
      start = 0
      end = held
    }
    chunk.copy(buffer, end)
    end += chunk.length
  }
  const take = (length: number): Buffer => {
    const bytes = Buffer.from(buffer.subarray(start, start + length))
    start += length
    return bytes
  }

  return {
    until: (marker, limit, signal) =>
      new Promise((resolve, reject) => {
        /** From `start`: no byte is searched twice. */
        let searched = 0

        const settle = (act: () => void) => {
          stream.off('readable', read).off('end', lost).off('close', lost).off('error', lost)
          signal?.removeEventListener('abort', abort)
          act()
        }
        const abort = () => settle(() => reject(signal?.reason))
        const lost = () => settle(() => resolve({ found: false, bytes: take(end - start), over: false }))
        /** Whether that settled it. */
        const look = (): boolean => {
          const held = buffer.subarray(start, end)
          const at = held.indexOf(marker, searched)
          searched = Math.max(0, held.length - marker.length + 1)
          if (at !== -1 && at + marker.length <= limit) {
            settle(() => resolve({ found: true, bytes: take(at + marker.length) }))
            return true
          }
          if (held.length <= limit) return false
          settle(() => resolve({ found: false, bytes: take(limit), over: true }))
          return true
        }
        const read = () => {
          for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) {
            append(chunk)
            if (look()) return
          }
        }

        if (signal?.aborted) return reject(signal.reason)
        if (look()) return
        if (stream.readableEnded || stream.destroyed) return lost()
        signal?.addEventListener('abort', abort, { once: true })
        stream.on('readable', read).on('end', lost).on('close', lost).on('error', lost)
        read()
      }),
    leave: () => {
      if (end > start && !stream.readableEnded && !stream.destroyed)
        stream.unshift(buffer.subarray(start, end))
      start = end
    },
  }
}

const newline = Buffer.from('\n')

/** One line without its end; undefined where the stream ended or the line is longer than `limit` bytes. */
export const readLine = async (
  reader: HeadReader,
  limit: number,
  signal?: AbortSignal,
): Promise<string | undefined> => {
  const head = await reader.until(newline, limit, signal)
  return head.found ? head.bytes.toString('utf8', 0, head.bytes.length - 1) : undefined
}
