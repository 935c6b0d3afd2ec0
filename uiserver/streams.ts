/**
 * Sockets that speak and do not listen: hello, a reset, then deltas as the feed grows. What comes up them is fresh
 * assertions of the hub alone, and a socket without one is dropped.
 */
import type { WebSocket } from 'ws'
import type { ErrorCode } from '../protocol/errors.ts'
import { closeCodes, type Frame, tickInterval } from '../protocol/frames.ts'
import { version } from '../protocol/version.ts'
import type { Admission } from './admission.ts'
import type { Viewer } from './exchange.ts'
import {
  deltaFrame,
  epochOf,
  type Listener,
  mergeChanges,
  resetFrame,
  shownOf,
  sightChange,
  signatureOf,
  type Wanted,
} from './listener.ts'
import type { Change, Model } from './model.ts'
import { createSight, type Permissions } from './permissions.ts'

export type Streams = {
  readonly open: (socket: WebSocket, viewer: Viewer, wanted: Wanted) => void
  readonly count: () => number
  /** Why nothing new can come at the moment, as a code; undefined once it can again. Told to all. */
  readonly trouble: (code: ErrorCode | undefined) => void
  /** Closes all with `restart`. */
  readonly close: () => void
}

export type StreamParts = {
  readonly account: string
  readonly model: Model
  readonly permissions: Permissions
  readonly admission: Pick<Admission, 'identifyToken'>
  /** Epoch ms. */
  readonly now: () => number
  readonly onClosed: () => void
  /** Without a fresh assertion for so long a socket is dropped, ms. */
  readonly assertionMayLast?: number | undefined
  readonly onProblem: (message: string, error: unknown) => void
}

/** Deltas follow each other at this distance at least, ms; the first one after a pause goes at once. */
const flushEvery = 50
const slowBytes = 4 * 1024 * 1024
const assertionMayLastDefault = 75_000
/** For the other side to answer our close, ms. */
const closeMayTake = 2000

type Open = {
  socket: WebSocket
  wanted: Pick<Wanted, 'since' | 'epoch'>
  listener: Listener
  sentAt: number
  /** Bytes of a reset that is still on its way: a large account does not make a slow reader. */
  resetBytes: number
  deadline: NodeJS.Timeout
}

export const createStreams = (parts: StreamParts): Streams => {
  const { account, model, permissions, admission, now } = parts
  const assertionMayLast = parts.assertionMayLast ?? assertionMayLastDefault
  const all = new Set<Open>()
  let pending: Change[] = []
  let flushedAt = Number.NEGATIVE_INFINITY
  let timer: NodeJS.Timeout | undefined
  let ticking: NodeJS.Timeout | undefined
  let trouble: ErrorCode | undefined

  const close = (open: Open, code: number): void => {
    if (!all.delete(open)) return
    clearTimeout(open.deadline)
    parts.onClosed()
    open.socket.close(code)
    setTimeout(() => open.socket.terminate(), closeMayTake).unref()
    if (all.size === 0) {
      clearInterval(ticking)
      ticking = undefined
    }
  }

  const send = (open: Open, text: string): void => {
    if (open.socket.bufferedAmount > slowBytes + open.resetBytes) {
      close(open, closeCodes.slow)
      return
    }
    open.sentAt = performance.now()
    open.socket.send(text)
  }
  const sendFrame = (open: Open, frame: Frame): void => send(open, JSON.stringify(frame))

  const hello = (open: Open): void => {
    const epoch = epochOf(model, open.listener)
    sendFrame(open, { type: 'hello', epoch, seq: model.seq(), version, now: now() })
  }
  const reset = (open: Open): void => {
    const text = JSON.stringify(resetFrame(model, open.listener))
    open.resetBytes += text.length
    open.sentAt = performance.now()
    open.socket.send(text, () => {
      open.resetBytes -= text.length
    })
    open.listener = { ...open.listener, seq: model.seq() }
  }

  /** Hello, and then what the reader missed, or everything. */
  const begin = (open: Open, wanted: Pick<Wanted, 'since' | 'epoch'>): void => {
    hello(open)
    const fits = wanted.since !== undefined && wanted.epoch === epochOf(model, open.listener)
    const missed = fits ? model.since(wanted.since) : undefined
    if (missed === undefined || wanted.since === undefined) {
      reset(open)
      return
    }
    const merged = mergeChanges(missed)
    if (merged !== undefined)
      sendFrame(open, deltaFrame(wanted.since + 1, merged.seq, shownOf(open.listener, merged)))
    open.listener = { ...open.listener, seq: model.seq() }
  }

  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    const merged = mergeChanges(pending)
    pending = []
    if (merged === undefined) return
    flushedAt = performance.now()
    const changed = new Set(merged.items.flatMap(({ workflow }) => workflow ?? []))
    /** Many look at the same; it is made into text once. */
    const texts = new Map<string, string | undefined>()
    for (const open of all) {
      const { seq } = open.listener
      // It began after this change, or has not begun.
      if (seq === undefined || seq >= merged.seq) continue
      const key = `${seq} ${signatureOf(open.listener, changed)}`
      if (!texts.has(key)) {
        const shown = shownOf(open.listener, merged)
        // What is not shown is not announced either: the next delta covers its numbers.
        texts.set(key, shown.length > 0 ? JSON.stringify(deltaFrame(seq + 1, merged.seq, shown)) : undefined)
      }
      const text = texts.get(key)
      if (text === undefined) continue
      open.listener = { ...open.listener, seq: merged.seq }
      send(open, text)
    }
  }
  const schedule = (): void => {
    timer ??= setTimeout(flush, Math.max(0, flushedAt + flushEvery - performance.now()))
  }

  /** The viewer, or what it may view, is another now. */
  const review = (open: Open, viewer: Viewer): void => {
    const before = open.listener.sees
    const sees = createSight(permissions.snapshot(), viewer.who, account)
    open.listener = { ...open.listener, viewer, sees }
    const { seq } = open.listener
    if (seq === undefined || model.epoch() === '') return
    const items = sightChange(model, open.listener, before, sees)
    if (items.length === 0) return
    sendFrame(open, deltaFrame(seq + 1, model.seq(), items))
    open.listener = { ...open.listener, seq: model.seq() }
  }

  const renew = async (open: Open, data: unknown, isBinary: boolean): Promise<void> => {
    const viewer = isBinary ? undefined : await admission.identifyToken(String(data))
    if (viewer === undefined || !all.has(open)) return
    const { sub, session } = open.listener.viewer.assertion
    if (viewer.assertion.sub !== sub || viewer.assertion.session !== session)
      return close(open, closeCodes.forbidden)
    open.deadline.refresh()
    flush()
    review(open, viewer)
  }

  const sendTick = (open: Open): void => {
    const told = trouble === undefined ? {} : { trouble }
    sendFrame(open, { type: 'tick', seq: model.seq(), now: now(), ...told })
  }
  const tick = (): void => {
    if (model.epoch() === '') return
    for (const open of all) {
      const { seq } = open.listener
      if (seq === undefined || performance.now() - open.sentAt < tickInterval) continue
      if (seq < model.seq()) {
        sendFrame(open, deltaFrame(seq + 1, model.seq(), []))
        open.listener = { ...open.listener, seq: model.seq() }
      }
      sendTick(open)
    }
  }

  model.onChange((change) => {
    if (all.size === 0) return
    pending.push(change)
    schedule()
  })
  model.onReset(() => {
    pending = []
    // Those who were told something already cannot go on with it; those who wait for the first word may.
    for (const open of all)
      begin(open, open.listener.seq === undefined ? open.wanted : { since: undefined, epoch: undefined })
  })
  permissions.onChange(() => {
    flush()
    for (const open of all) review(open, open.listener.viewer)
  })

  return {
    count: () => all.size,
    open: (socket, viewer, wanted) => {
      const sees = createSight(permissions.snapshot(), viewer.who, account)
      const open: Open = {
        socket,
        wanted,
        listener: { workflow: wanted.workflow, viewer, sees, seq: undefined },
        sentAt: performance.now(),
        resetBytes: 0,
        deadline: setTimeout(() => close(open, closeCodes.restart), assertionMayLast),
      }
      all.add(open)
      ticking ??= setInterval(tick, tickInterval / 3)
      socket.on('message', (data, isBinary) => {
        renew(open, data, isBinary).catch((error) =>
          // The deadline drops it if no better one comes.
          parts.onProblem('an assertion on an open socket was not good', error),
        )
      })
      // What is no frame ends it, which 'close' tells; broken streams are told by whoever gave them.
      socket.on('error', () => close(open, closeCodes.restart))
      socket.on('close', () => close(open, closeCodes.restart))
      // Before the feed was read up to now there is nothing to say; then all that wait begin.
      if (model.epoch() !== '') begin(open, wanted)
      if (trouble !== undefined) sendTick(open)
    },
    trouble: (code) => {
      if (code === trouble) return
      trouble = code
      for (const open of all) sendTick(open)
    },
    close: () => {
      clearTimeout(timer)
      clearInterval(ticking)
      for (const open of all) close(open, closeCodes.restart)
    },
  }
}
