/** One HTTP/2 session of the tunnel, seen from the dialling side, and the figures that both sides share. */
import { type ClientHttp2Stream, connect, constants } from 'node:http2'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { SeneschalError } from '../protocol/errors.ts'
import { soundWrites } from './sound-writes.ts'
import { watchStalls } from './stalls.ts'

/**
 * Node's defaults protect a public server from strangers. Here both ends know each other and a browser that aborts
 * a thousand requests, or leaves a large answer unread, is everyday life: with the defaults either one ends the
 * whole session and with it everybody else's streams.
 */
const limits = {
  /** MB; counts what waits to be read or sent in all streams together. */
  maxSessionMemory: 1024,
  maxSessionRejectedStreams: 1_000_000,
  maxSessionInvalidFrames: 1_000_000,
} as const

/** What one unread stream can hold at most, bytes. */
const streamWindow = 256 * 1024
/** Bytes under way in all streams together: high enough that a long line stays filled. */
export const sessionWindow = 16 * 1024 * 1024

export const clientSettings = {
  ...limits,
  settings: { initialWindowSize: streamWindow, enablePush: false },
} as const

export const serverOptions = {
  ...limits,
  streamResetBurst: 1_000_000,
  streamResetRate: 1_000_000,
  settings: { initialWindowSize: streamWindow, maxConcurrentStreams: 1024 },
} as const

export type TunnelSession = {
  /** Streams open, or reserved by a dial under way. */
  readonly open: () => number
  /** Count one more before the first await, so that concurrent dials see it. */
  readonly reserve: () => void
  /** Uses up one reservation, whether it succeeds or not. */
  readonly dial: (signal: AbortSignal | undefined) => Promise<Duplex>
  /** Takes no new streams any more, closes after the last one. */
  readonly retire: () => void
  readonly usable: () => boolean
  readonly destroy: (error?: Error) => void
}

export type SessionOptions = {
  /** Asks the peer for a sign of life this often, ms, and gives up after `deadAfter` without one. */
  readonly pingEvery: number
  readonly deadAfter: number
  /** A stream whose bytes nobody fetched for so long is cut, ms. */
  readonly stalledAfter: number
  readonly onIdle: (session: TunnelSession) => void
  readonly onLost: (session: TunnelSession) => void
}

/** Thrown by `dial` where the session as a whole takes no more: another one may. */
export class SessionRefused extends Error {
  /** Whether it ever took a stream. One that did was of use to somebody: the next may be to the caller. */
  readonly served: boolean
  constructor(served: boolean) {
    super('The session takes no more streams.')
    this.served = served
  }
}

const isRefusal = (stream: ClientHttp2Stream): boolean =>
  stream.rstCode === constants.NGHTTP2_REFUSED_STREAM ||
  stream.rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM

/** Resolves when the far side showed that it speaks HTTP/2. */
export const openSession = async (
  carrier: Duplex,
  options: SessionOptions,
  signal: AbortSignal,
): Promise<TunnelSession> => {
  // Before HTTP/2 hears of it: Node answers the end of a stream that is no socket by ending it too, and until that is
  // done a frame that is still written is an error that ends the process (ERR_INTERNAL_ASSERTION, Node 26).
  carrier.once('end', () => {
    h2.destroy()
    carrier.destroy()
  })
  const h2 = connect('http://tunnel', { ...clientSettings, createConnection: () => carrier })
  const stalls = watchStalls(options.stalledAfter)
  let heard = performance.now()
  let open = 0
  let served = false
  let retired = false
  // Every byte is a sign of life: on a slow line a ping's answer waits behind a large download. (HTTP/2 takes a
  // socket's bytes below the stream, where nobody sees them pass; there the pings have to do.)
  if (!(carrier instanceof Socket))
    carrier.on('data', () => {
      heard = performance.now()
    })

  let answered = heard
  let over: number | undefined
  let looked = heard
  const pulse = setInterval(() => {
    const now = performance.now()
    // While this process itself stood still it could hear nobody.
    const stoodStill = Math.max(0, now - looked - 2 * options.pingEvery)
    looked = now
    heard += stoodStill
    answered += stoodStill
    if (h2.destroyed) {
      // It is over when its carrier is, which a far side may keep open for as long as it likes.
      over ??= now
      if (now - over > options.deadAfter) carrier.destroy()
    } else if (now - heard > options.deadAfter || now - answered > options.deadAfter * 6)
      // Bytes alone do not prove that they make sense.
      h2.destroy(new SeneschalError('tunnel.closed', 'The other end does not answer.'))
    else
      h2.ping((error) => {
        if (error === null) heard = answered = performance.now()
      })
  }, options.pingEvery)
  pulse.unref()

  const release = () => {
    open -= 1
    if (open > 0) return
    if (retired) h2.close()
    else options.onIdle(session)
  }

  const session: TunnelSession = {
    open: () => open,
    reserve: () => {
      open += 1
    },
    usable: () => !retired && !h2.closed && !h2.destroyed,
    retire: () => {
      retired = true
      if (open === 0) h2.close()
    },
    destroy: (error) => h2.destroy(error),
    dial: (dialSignal) =>
      new Promise<Duplex>((resolve, reject) => {
        // Between the reservation and now the caller may have left, and the session ended.
        if (dialSignal?.aborted || !session.usable()) {
          release()
          return reject(dialSignal?.aborted ? dialSignal.reason : new SessionRefused(served))
        }
        let settled = false
        const stream = soundWrites(h2.request({ ':method': 'CONNECT', ':authority': 'server' }))
        const abort = () => {
          settled = true
          reject(dialSignal?.reason)
          stream.close(constants.NGHTTP2_CANCEL)
        }
        // A stream of a session that breaks fails before its user may have begun to listen; 'close' follows.
        stream.on('error', () => undefined)
        stream.once('close', () => {
          dialSignal?.removeEventListener('abort', abort)
          stalls.forget(stream)
          release()
          if (settled) return
          if (!isRefusal(stream) && session.usable())
            return reject(new SeneschalError('tunnel.closed', 'The stream was closed before it opened.'))
          session.retire()
          reject(new SessionRefused(served))
        })
        stream.once('response', (headers) => {
          if (settled) return
          settled = true
          dialSignal?.removeEventListener('abort', abort)
          if (headers[':status'] === 200) {
            served = true
            stalls.watch(stream)
            return resolve(stream)
          }
          stream.close(constants.NGHTTP2_CANCEL)
          reject(new SeneschalError('tunnel.closed', `The other end answered ${headers[':status']}.`))
        })
        dialSignal?.addEventListener('abort', abort, { once: true })
      }),
  }

  h2.on('goaway', session.retire)
  await new Promise<void>((resolve, reject) => {
    const give = () => h2.destroy()
    signal.addEventListener('abort', give, { once: true })
    // After the session is up its errors only lead to 'close', which is what the tunnel acts on.
    h2.on('error', reject)
    h2.once('close', () => {
      clearInterval(pulse)
      stalls.end()
      signal.removeEventListener('abort', give)
      reject(signal.aborted ? signal.reason : new SeneschalError('tunnel.closed', 'It closed while opening.'))
      options.onLost(session)
    })
    h2.once('remoteSettings', () => {
      signal.removeEventListener('abort', give)
      h2.setLocalWindowSize(sessionWindow)
      resolve()
    })
    if (signal.aborted) give()
  })
  return session
}
