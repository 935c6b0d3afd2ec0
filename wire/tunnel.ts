/**
 * Many byte streams over one: HTTP/2 with CONNECT, because it is in Node, has flow control per stream, and needs
 * nothing of sshd but one exec channel. Each stream reaches the other end as if it were a new TCP connection.
 */
import { performServerHandshake } from 'node:http2'
import type { Duplex } from 'node:stream'
import { SeneschalError } from '../protocol/errors.ts'
import { orAborted } from './or-aborted.ts'
import { soundWrites } from './sound-writes.ts'
import { watchStalls } from './stalls.ts'
import {
  openSession,
  SessionRefused,
  serverOptions,
  sessionWindow,
  type TunnelSession,
} from './tunnel-session.ts'

export type TunnelOptions = {
  /** A fresh byte stream to `serveTunnel` at the other end. */
  readonly open: (signal: AbortSignal) => Promise<Duplex>
  /** Streams per session before another session is opened: 32 unread ones stay far below a session's memory. */
  readonly streamsPerSession?: number
  /** Sessions at once: sshd allows 10 channels per connection (MaxSessions), and other verbs need some. */
  readonly maxSessions?: number
  /** Within which a session must be up, ms. */
  readonly openTimeout?: number
  readonly pingEvery?: number
  readonly deadAfter?: number
  readonly stalledAfter?: number
  /** A further session with no streams is closed after this, ms. */
  readonly spareAfter?: number
  /** The last session has ended, and not by `close`. */
  readonly onLost?: () => void
}

export type TunnelClient = {
  /** A fresh stream; opens a session where none is up. `tunnel.closed`, or the error of `open`. */
  readonly dial: (signal?: AbortSignal) => Promise<Duplex>
  /** Ends all streams. */
  readonly close: () => void
  readonly closed: Promise<void>
}

/** Above this even sharing has an end: the peer's own limit of streams per session. */
const hardLimit = 1000
/** Among many who dial at once, one may come too late for several new sessions in a row. */
const mostAttempts = 20

/**
 * Dials beyond `streamsPerSession` open another session. When there are `maxSessions`, or the far side refuses
 * more, they share the least loaded one instead of queueing: most streams are sockets that stay for hours, so a
 * queue behind them would never move.
 */
export const createTunnelClient = (options: TunnelOptions): TunnelClient => {
  const perSession = options.streamsPerSession ?? 32
  const maxSessions = options.maxSessions ?? 8
  const sessions = new Set<TunnelSession>()
  const spares = new Map<TunnelSession, NodeJS.Timeout>()
  const ended = new AbortController()
  const { promise: closed, resolve: finish } = Promise.withResolvers<void>()
  let opening: Promise<void> | undefined
  let shareUntil = 0

  const onIdle = (session: TunnelSession) => {
    const close = () => {
      if (sessions.size > 1 && session.open() === 0) session.retire()
    }
    clearTimeout(spares.get(session))
    spares.set(session, setTimeout(close, options.spareAfter ?? 30_000).unref())
  }
  const onLost = (session: TunnelSession) => {
    const wasUp = sessions.delete(session)
    clearTimeout(spares.get(session))
    spares.delete(session)
    if (wasUp && sessions.size === 0 && !ended.signal.aborted) options.onLost?.()
  }

  const openAnother = async (): Promise<void> => {
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(options.openTimeout ?? 10_000)])
    const carrier = await options.open(signal)
    const session = await openSession(
      carrier,
      {
        pingEvery: options.pingEvery ?? 3000,
        deadAfter: options.deadAfter ?? 10_000,
        stalledAfter: options.stalledAfter ?? 30_000,
        onIdle,
        onLost,
      },
      signal,
    )
    sessions.add(session)
  }

  const leastLoaded = (): TunnelSession | undefined => {
    let best: TunnelSession | undefined
    for (const session of sessions)
      if (session.usable() && (best === undefined || session.open() < best.open())) best = session
    return best
  }

  /** A session with one stream reserved in it. */
  const reserve = async (signal: AbortSignal | undefined): Promise<TunnelSession> => {
    for (;;) {
      if (ended.signal.aborted) throw ended.signal.reason
      const best = leastLoaded()
      const full = best === undefined || best.open() >= perSession
      const mayOpen = sessions.size < maxSessions && (best === undefined || performance.now() >= shareUntil)
      if (best !== undefined && (!full || !mayOpen)) {
        if (best.open() >= hardLimit) throw new SeneschalError('tunnel.full')
        best.reserve()
        return best
      }
      opening ??= openAnother().finally(() => {
        opening = undefined
      })
      try {
        await orAborted(opening, signal)
      } catch (error) {
        // One that is up can be shared, unless it was the caller who gave up.
        if (signal?.aborted || leastLoaded() === undefined) throw error
        shareUntil = performance.now() + 30_000
      }
    }
  }

  const dial = async (signal?: AbortSignal): Promise<Duplex> => {
    let barren = 0
    for (let attempt = 1; ; attempt += 1) {
      signal?.throwIfAborted()
      const session = await reserve(signal)
      try {
        return await session.dial(signal)
      } catch (error) {
        if (!(error instanceof SessionRefused)) throw error
        if (!error.served) barren += 1
        if (barren === 3 || attempt === mostAttempts)
          throw new SeneschalError('tunnel.closed', 'It refused each time.', { cause: error })
      }
    }
  }

  return {
    dial,
    close: () => {
      if (ended.signal.aborted) return
      const reason = new SeneschalError('tunnel.closed', 'It was closed on this side.')
      ended.abort(reason)
      for (const session of sessions) session.destroy(reason)
      finish()
    },
    closed,
  }
}

export type TunnelServer = { readonly close: () => void; readonly closed: Promise<void> }

/**
 * The far end, over one accepted connection. Speaks first (the HTTP/2 settings), by which the agent tells a server
 * that answers from one that hangs. Give each stream to an HTTP/1.1 server: `server.emit('connection', stream)`.
 */
export const serveTunnel = (
  carrier: Duplex,
  onStream: (stream: Duplex) => void,
  options: { readonly stalledAfter?: number } = {},
): TunnelServer => {
  const session = performServerHandshake(carrier, serverOptions)
  const stalls = watchStalls(options.stalledAfter ?? 30_000)
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  session.setLocalWindowSize(sessionWindow)
  session.on('stream', (stream, headers) => {
    // Its user listens from the next line on; what breaks before or after shows as 'close'.
    stream.on('error', () => undefined)
    if (headers[':method'] !== 'CONNECT') {
      stream.respond({ ':status': 405 }, { endStream: true })
      return
    }
    stream.respond({ ':status': 200 })
    stalls.watch(stream)
    stream.once('close', () => stalls.forget(stream))
    onStream(soundWrites(stream))
  })
  // A broken carrier: every stream of it has been told, and `closed` tells the rest.
  session.on('error', () => undefined)
  session.once('close', () => {
    stalls.end()
    resolve()
  })
  return { close: () => session.destroy(), closed }
}
