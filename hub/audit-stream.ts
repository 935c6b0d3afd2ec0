/**
 * The audit log live. Records of a burst are one frame, which is made once for all who see the same of it; whether
 * somebody still may is looked up now and then, and told at once by whatever ends a session.
 */
import type { AuditRecord } from '../protocol/audit.ts'
import { closeCodes, tickInterval } from '../protocol/frames.ts'
import { type AuditFilter, type AuditView, createAuditView, matchesFilter } from './audit-view.ts'
import type { Audit, Gate, LiveSockets, Log, PolicyView, Viewer } from './context.ts'

/** What is needed of a WebSocket: it is never read. */
export type AuditSocket = {
  readonly bufferedAmount: number
  readonly send: (frame: Buffer, options: { readonly binary: false }) => void
  readonly close: (code: number) => void
  readonly on: (event: 'close' | 'message', listener: () => void) => void
}

export type AuditStreamParts = {
  readonly gate: Pick<Gate, 'current'>
  readonly audit: Pick<Audit, 'onRecord' | 'health' | 'onHealth'>
  readonly policy: PolicyView
  readonly live: Pick<LiveSockets, 'add'>
  readonly log: Pick<Log, 'error'>
  /** Epoch ms or any clock that runs on. */
  readonly now: () => number
}

/** Records of a burst go as one frame, ms: the more there are to be told, the fewer frames each gets. */
const coalesceFor = (watchers: number): number => Math.min(120, Math.max(50, watchers / 8))
/** A reader that is this much behind is cut; it searches for what it missed. */
const maxBuffered = 1024 * 1024
/**
 * How old the word about a session’s groups may get, ms: with the time for which those are used it stays below a minute. Layers
 * and roles count as they are at each frame, and a session that ends takes its sockets along.
 */
const viewerAge = 5000
/** The sockets of a session look it up within this of each other, ms. */
const sharedFor = 1000

/** What was recorded in one burst, and what was made of it for somebody and serves others as well. */
type Batch = {
  readonly records: readonly AuditRecord[]
  readonly views: Map<Viewer, AuditView>
  /** By who sees what of it; undefined where that is nothing. */
  readonly frames: Map<string, Buffer | undefined>
}
type Watcher = {
  viewer: Viewer
  lookedUp: number
  looking: boolean
  readonly waiting: Batch[]
  readonly socket: AuditSocket
  readonly filter: AuditFilter
  readonly filterKey: string
  readonly matches: (record: AuditRecord) => boolean
  readonly close: (code: number) => void
}

export const createAuditStream = (parts: AuditStreamParts) => {
  const { gate, policy, now } = parts
  const watchers = new Set<Watcher>()
  /** By session: what is looked up for one of its sockets serves all of them. */
  const asked = new Map<string, { readonly at: number; readonly viewer: Promise<Viewer | undefined> }>()
  let burst: AuditRecord[] = []
  let timer: NodeJS.Timeout | undefined
  let writable = parts.audit.health().writable

  const frameOf = (records: readonly AuditRecord[]): Buffer =>
    Buffer.from(JSON.stringify({ type: 'records', writable, records }))
  const unlistenHealth = parts.audit.onHealth((health) => {
    writable = health.writable
    const told = frameOf([])
    for (const { socket } of watchers) socket.send(told, { binary: false })
  })
  const deliver = (watcher: Watcher, batch: Batch): void => {
    const view = batch.views.get(watcher.viewer) ?? createAuditView(policy, watcher.viewer)
    batch.views.set(watcher.viewer, view)
    const key = `${view.key} ${watcher.filterKey}`
    if (!batch.frames.has(key)) {
      const seen = batch.records.filter((record) => watcher.matches(record) && view.sees(record))
      batch.frames.set(key, seen.length === 0 ? undefined : frameOf(seen.map(view.present)))
    }
    const frame = batch.frames.get(key)
    if (frame === undefined) return
    if (watcher.socket.bufferedAmount > maxBuffered) watcher.close(closeCodes.slow)
    else watcher.socket.send(frame, { binary: false })
  }
  const currentOf = (viewer: Viewer): Promise<Viewer | undefined> => {
    const key = `${viewer.kind} ${viewer.session}`
    const before = asked.get(key)
    if (before !== undefined && now() - before.at < sharedFor) return before.viewer
    const found = gate.current(viewer)
    asked.set(key, { at: now(), viewer: found })
    return found
  }
  const lookUp = async (watcher: Watcher): Promise<void> => {
    const current = await currentOf(watcher.viewer)
    if (current === undefined) return watcher.close(closeCodes.sessionEnded)
    watcher.viewer = current
    watcher.lookedUp = now()
    watcher.looking = false
    for (const batch of watcher.waiting.splice(0)) if (watchers.has(watcher)) deliver(watcher, batch)
  }
  const pass = (watcher: Watcher, batch: Batch): void => {
    if (!watcher.looking && now() - watcher.lookedUp < viewerAge) {
      deliver(watcher, batch)
      return
    }
    watcher.waiting.push(batch)
    if (watcher.looking) return
    watcher.looking = true
    lookUp(watcher).catch((err: unknown) => {
      parts.log.error({ err }, 'audit stream failed')
      watcher.close(closeCodes.restart)
    })
  }
  const flush = (): void => {
    timer = undefined
    const batch: Batch = { records: burst, views: new Map(), frames: new Map() }
    burst = []
    for (const [session, { at }] of asked) if (now() - at >= sharedFor) asked.delete(session)
    for (const watcher of watchers) pass(watcher, batch)
  }
  const stopListening = parts.audit.onRecord((record) => {
    if (watchers.size === 0) return
    burst.push(record)
    timer ??= setTimeout(flush, coalesceFor(watchers.size))
  })

  return {
    watch: (socket: AuditSocket, viewer: Viewer, filter: AuditFilter): void => {
      // A frame without records is a sign of life: a dead connection is told from a quiet one.
      const ticking = setInterval(() => socket.send(frameOf([]), { binary: false }), tickInterval)
      ticking.unref()
      const stop = (): void => {
        watchers.delete(watcher)
        clearInterval(ticking)
        forget()
      }
      const close = (code: number): void => {
        stop()
        socket.close(code)
      }
      const watcher: Watcher = {
        ...{ viewer, socket, filter, close, looking: false, waiting: [] },
        lookedUp: now(),
        filterKey: JSON.stringify(filter),
        matches: matchesFilter(filter),
      }
      const forget = parts.live.add({ session: viewer.session, person: viewer.person, close })
      watchers.add(watcher)
      socket.on('close', stop)
      // Sockets only listen; whatever comes up is not read.
      socket.on('message', () => close(1008))
    },
    close: (): void => {
      stopListening()
      clearTimeout(timer)
      unlistenHealth()
    },
  }
}
