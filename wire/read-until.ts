/** Reading the text at the head of a byte stream and leaving the rest in it. */
import type { Readable } from 'node:stream'

export type Head =
  | { readonly found: true; readonly bytes: Buffer }
  /** The stream ended, broke or exceeded the limit first; `bytes` are what came. */
  | { readonly found: false; readonly bytes: Buffer; readonly over: boolean }

/**
 * Take everything up to and including `marker`; what follows stays in the stream, which is left paused.
 * Never rejects for what the far side does; rejects with the signal's reason when aborted,
 * with everything back in the stream.
 */
export const readUntil = (
  stream: Readable,
  marker: Buffer,
  limit: number,
  signal?: AbortSignal,
): Promise<Head> =>
  new Promise((resolve, reject) => {
    // Grows by doubling and never searches a byte twice: a peer that sends single bytes costs no more than others.
    let buffer = Buffer.alloc(1024)
    let length = 0

    const settle = (act: () => void) => {
      stream.off('readable', read).off('end', lost).off('close', lost).off('error', lost)
      signal?.removeEventListener('abort', abort)
      act()
    }
    const give = (head: Head) => settle(() => resolve(head))
    const abort = () =>
      settle(() => {
        if (length > 0 && !stream.readableEnded) stream.unshift(buffer.subarray(0, length))
        reject(signal?.reason)
      })
    const lost = () => give({ found: false, bytes: buffer.subarray(0, length), over: false })
    const read = () => {
      for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) {
        const before = length
        length += chunk.length
        if (length > buffer.length) {
          const grown = Buffer.alloc(Math.max(length, buffer.length * 2))
          buffer.copy(grown, 0, 0, before)
          buffer = grown
        }
        chunk.copy(buffer, before)
        const at = buffer.subarray(0, length).indexOf(marker, Math.max(0, before - marker.length + 1))
        const end = at + marker.length
        if (at !== -1 && end <= limit) {
          if (end < length) stream.unshift(buffer.subarray(end, length))
          return give({ found: true, bytes: buffer.subarray(0, end) })
        }
        if (length > limit) return give({ found: false, bytes: buffer.subarray(0, limit), over: true })
      }
    }

    if (signal?.aborted) return reject(signal.reason)
    if (stream.readableEnded || stream.destroyed) return lost()
    signal?.addEventListener('abort', abort, { once: true })
    stream.on('readable', read).on('end', lost).on('close', lost).on('error', lost)
    read()
  })

const newline = Buffer.from('\n')

/** One line without its end; undefined where the stream ended or the line is longer than `limit` bytes. */
export const readLine = async (
  stream: Readable,
  limit: number,
  signal?: AbortSignal,
): Promise<string | undefined> => {
  const head = await readUntil(stream, newline, limit, signal)
  return head.found ? head.bytes.toString('utf8', 0, head.bytes.length - 1) : undefined
}
