/** Back-pressure: whoever writes a lot waits here for the reader. */
import type { Writable } from 'node:stream'

/** Resolves when more may be written, or nothing will be because the signal was aborted. */
export const drained = (stream: Writable, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    stream.once('drain', done)
    signal.addEventListener('abort', done, { once: true })
    if (signal.aborted) done()
  })
