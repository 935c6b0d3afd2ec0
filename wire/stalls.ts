/** Cuts streams whose bytes nobody fetches: each holds up to a whole window of memory at both ends. */
import { constants, type Http2Stream } from 'node:http2'

export type StallWatch = {
  readonly watch: (stream: Http2Stream) => void
  readonly forget: (stream: Http2Stream) => void
  readonly end: () => void
}

/**
 * A stream is stalled while bytes wait in it and no read takes any, from one look to the next; six looks per limit.
 * An idle stream (nothing waits) is never stalled, however old.
 */
export const watchStalls = (limit: number): StallWatch => {
  const waitingSince = new Map<Http2Stream, number>()

  const look = setInterval(() => {
    const now = performance.now()
    for (const [stream, since] of waitingSince) {
      if (stream.readableLength === 0) waitingSince.set(stream, now)
      else if (now - since >= limit) stream.close(constants.NGHTTP2_CANCEL)
    }
  }, limit / 6)
  look.unref()

  return {
    watch: (stream) => {
      waitingSince.set(stream, performance.now())
      // Streams do not say when they were last read from; `read` is where every consumer takes waiting bytes.
      const read = stream.read
      stream.read = (size?: number) => {
        const chunk = read.call(stream, size)
        if (chunk !== null && waitingSince.has(stream)) waitingSince.set(stream, performance.now())
        return chunk
      }
    },
    forget: (stream) => {
      waitingSince.delete(stream)
    },
    end: () => {
      clearInterval(look)
      waitingSince.clear()
    },
  }
}
