/**
 * A socket that only listens: snapshot, then changes, for as long as somebody looks. It is given no way to
 * send. Whatever goes wrong has one answer: connect again, with what is known while the numbers fit, without
 * where they do not.
 */
import { closeCodes, type Frame, frame } from '../protocol/frames.ts'

export type StreamPhase =
  | { readonly phase: 'connecting' }
  | { readonly phase: 'live' }
  /** Lost; the next try is at `until` (of the caller's clock). */
  | { readonly phase: 'waiting'; readonly until: number; readonly tries: number }
  /** Closed by us because nobody looks; goes on at the next `nudge`. */
  | { readonly phase: 'resting' }
  | { readonly phase: 'signed-out' }
  | { readonly phase: 'forbidden' }

export type Put = { readonly kind: string; readonly key: string; readonly row: unknown }
export type Drop = { readonly kind: string; readonly key: string }
export type Change = { readonly reset: boolean; readonly put: readonly Put[]; readonly drop: readonly Drop[] }

export type SocketHandlers = {
  readonly open: () => void
  readonly message: (text: string) => void
  readonly close: (code: number) => void
}
/** What the browser gives; a test gives its own. */
export type StreamParts = {
  readonly connect: (path: string, on: SocketHandlers) => { readonly close: () => void }
  readonly after: (ms: number, run: () => void) => () => void
  readonly now: () => number
  readonly random: () => number
}

export type SocketOptions = {
  readonly url: () => string
  readonly message: (text: string) => void
  readonly onState: (state: StreamPhase) => void
  readonly opened?: () => void
  /** Runs before each connection; whoever may not connect any more says so instead. */
  readonly before?: (tries: number) => Promise<'go' | 'signed-out' | 'forbidden'>
  /** Silence of this length means that the connection is dead, ms; absent where the peer may be silent. */
  readonly silence?: number
}

export type Socket = {
  readonly close: () => void
  /** Somebody looks, or the network is back: connect now rather than later. */
  readonly nudge: () => void
  readonly rest: () => void
  /** Drop the connection and make a new one at once. */
  readonly renew: () => void
}

const firstDelay = 500
/** A part that was started again is tried again within this, ms: half of the three seconds in which a page is to be live. */
const briefDelay = 1500
/** What has been away for minutes is asked less often: each time after a twentieth of its absence. */
const patience = 1 / 20
const longestDelay = 15_000
/** A connection that lasted this long was a good one: the next back-off begins small again. */
const steady = 10_000

export const openSocket = (options: SocketOptions, parts: StreamParts): Socket => {
  let socket: { readonly close: () => void } | undefined
  let generation = 0
  let tries = 0
  let ended = false
  let idle = false
  let lastHeard = parts.now()
  let lastMessage = parts.now()
  let since = parts.now()
  let lastRenewal = Number.NEGATIVE_INFINITY
  let cancelTimer: (() => void) | undefined
  let cancelWatch: (() => void) | undefined

  const drop = () => {
    generation += 1
    cancelTimer?.()
    cancelWatch?.()
    socket?.close()
    socket = undefined
  }
  const stop = (phase: 'signed-out' | 'forbidden') => {
    drop()
    idle = true
    options.onState({ phase })
  }
  const heard = () => {
    lastHeard = parts.now()
  }
  const watch = () => {
    if (options.silence === undefined) return
    const { silence } = options
    cancelWatch?.()
    cancelWatch = parts.after(silence / 4, () => (parts.now() - lastHeard > silence ? connect() : watch()))
  }
  const retry = () => {
    tries += 1
    const bound = Math.max(briefDelay, (parts.now() - lastMessage) * patience)
    const ceiling = Math.min(longestDelay, bound, firstDelay * 2 ** Math.min(tries - 1, 10))
    const delay = ceiling / 2 + (parts.random() * ceiling) / 2
    options.onState({ phase: 'waiting', until: parts.now() + delay, tries })
    cancelTimer = parts.after(delay, connect)
  }
  /** At once, but a peer that makes us do it over and over gets the back-off. */
  const renew = () => {
    drop()
    const again = parts.now() - lastRenewal < steady
    lastRenewal = parts.now()
    if (again) retry()
    else connect()
  }
  const closed = (code: number) => {
    drop()
    if (parts.now() - since > steady) tries = 0
    if (code === closeCodes.sessionEnded) stop('signed-out')
    else if (code === closeCodes.forbidden) stop('forbidden')
    else if (code === closeCodes.sessionReplaced) renew()
    else retry()
  }
  const connect = () => {
    drop()
    if (ended) return
    idle = false
    heard()
    options.onState({ phase: 'connecting' })
    void dial(generation)
  }
  const dial = async (mine: number) => {
    const verdict = options.before === undefined ? 'go' : await options.before(tries)
    if (mine !== generation) return
    if (verdict !== 'go') {
      stop(verdict)
      return
    }
    const current =
      (run: (...args: never[]) => void) =>
      (...args: unknown[]) => {
        if (mine === generation) run(...(args as never[]))
      }
    since = parts.now()
    socket = parts.connect(options.url(), {
      open: current(() => {
        heard()
        since = parts.now()
        options.opened?.()
      }),
      message: current((text: string) => {
        heard()
        lastMessage = lastHeard
        options.message(text)
      }),
      close: current(closed),
    })
    watch()
  }

  connect()
  return {
    close: () => {
      ended = true
      drop()
    },
    nudge: () => {
      const stale = options.silence !== undefined && parts.now() - lastHeard > options.silence
      if (!ended && (idle || socket === undefined || stale)) connect()
    },
    rest: () => {
      if (ended || idle) return
      drop()
      idle = true
      options.onState({ phase: 'resting' })
    },
    renew,
  }
}

export type StreamOptions = {
  readonly url: string
  readonly apply: (change: Change) => void
  readonly onState: (state: StreamPhase) => void
  readonly before?: SocketOptions['before']
  /** The speaker's version and clock, at each hello and tick; a tick says whether something new can come at all. */
  readonly onPeer?: (peer: {
    readonly version?: string
    readonly now: number
    readonly trouble?: string | undefined
  }) => void
}

/** Ticks come every 15 s: two and a half of them missing is not a quiet connection, ms. */
export const silence = 40_000

export const parseFrame = (text: string): Frame | undefined => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined
    throw thrown
  }
  const parsed = frame.safeParse(value)
  return parsed.success ? parsed.data : undefined
}

export const openStream = (options: StreamOptions, parts: StreamParts): Socket => {
  let seen: { epoch: string; seq: number } | undefined
  let epoch = ''

  const url = () => {
    if (seen === undefined) return options.url
    const mark = options.url.includes('?') ? '&' : '?'
    return `${options.url}${mark}since=${seen.seq}&epoch=${encodeURIComponent(seen.epoch)}`
  }
  const gap = () => {
    seen = undefined
    socket.renew()
  }
  const message = (text: string) => {
    const incoming = parseFrame(text)
    if (incoming === undefined) {
      gap()
      return
    }
    switch (incoming.type) {
      case 'hello':
        epoch = incoming.epoch
        if (seen !== undefined && seen.epoch !== epoch) seen = undefined
        options.onPeer?.({ version: incoming.version, now: incoming.now })
        options.onState({ phase: 'live' })
        return
      case 'reset':
        seen = { epoch, seq: incoming.seq }
        options.apply({ reset: true, put: incoming.put, drop: [] })
        return
      case 'delta':
        if (seen === undefined || incoming.from !== seen.seq + 1) {
          gap()
          return
        }
        seen = { epoch, seq: incoming.seq }
        options.apply({ reset: false, put: incoming.put, drop: incoming.drop })
        return
      case 'tick':
        options.onPeer?.({ now: incoming.now, trouble: incoming.trouble })
        return
    }
  }
  const socket = openSocket(
    {
      url,
      message,
      onState: options.onState,
      silence,
      ...(options.before === undefined ? {} : { before: options.before }),
    },
    parts,
  )
  return socket
}
