/** The audit log as I may see it: a search backwards in time, and what is recorded from now on. */
import { signal } from '@preact/signals'
import { auditBody, auditFrame } from '../../protocol/api.ts'
import { type AuditRecord, auditEvents } from '../../protocol/audit.ts'
import { browserParts, onWake } from '../browser.ts'
import { openSocket, type StreamPhase, silence } from '../stream.ts'
import { type ApiError, asApiError } from './api.ts'
import { api, mayConnect, session } from './session.ts'

export type AuditFilter = {
  readonly person: string
  readonly account: string
  readonly event: string
  readonly text: string
  /** As entered: local date and time without zone; empty for none. */
  readonly since: string
  readonly until: string
}

export const auditEventNames = Object.keys(auditEvents)
export const auditKey = (record: AuditRecord): string => `${record.writer}#${record.seq}`

const mostLive = 500
/** Pages on which nothing matched are looked through by themselves, so many at once. */
const mostEmpty = 20

const asUtc = (local: string): string => {
  const at = new Date(local)
  return Number.isNaN(at.getTime()) ? '' : at.toISOString()
}

export const auditQuery = (filter: AuditFilter, cursor?: string): string => {
  const entries = { ...filter, since: asUtc(filter.since), until: asUtc(filter.until), cursor: cursor ?? '' }
  return new URLSearchParams(Object.entries(entries).filter(([, value]) => value.trim() !== '')).toString()
}

/** Whether a record that just came belongs to what is searched for; the hub applies the same to older ones. */
export const matchesAudit = (record: AuditRecord, filter: AuditFilter): boolean => {
  const time = Date.parse(record.time)
  if (filter.person !== '' && record.person !== filter.person) return false
  if (filter.account !== '' && record.account !== filter.account) return false
  if (filter.event !== '' && record.event !== filter.event) return false
  if (filter.text !== '' && !record.sentence.toLowerCase().includes(filter.text.toLowerCase())) return false
  if (filter.since !== '' && time < Date.parse(filter.since)) return false
  return filter.until === '' || time <= Date.parse(filter.until)
}

export const openAudit = (filter: AuditFilter) => {
  const found = signal<readonly AuditRecord[] | undefined>(undefined)
  const cursor = signal<string | null>(null)
  const arrived = signal<readonly AuditRecord[]>([])
  const error = signal<ApiError | undefined>(undefined)
  const phase = signal<StreamPhase>({ phase: 'connecting' })
  const busy = signal(false)
  const stop = new AbortController()

  const search = async (from: string | undefined) => {
    busy.value = true
    try {
      const page = (at: string | undefined) =>
        api.get(`/api/audit?${auditQuery(filter, at)}`, auditBody, { signal: stop.signal })
      let body = await page(from)
      for (let empty = 1; body.records.length === 0 && body.cursor !== null && empty < mostEmpty; empty += 1)
        body = await page(body.cursor)
      const before = from === undefined ? [] : (found.peek() ?? [])
      found.value = [...before, ...body.records]
      cursor.value = body.cursor
      error.value = undefined
    } catch (thrown) {
      if (!stop.signal.aborted) error.value = asApiError(thrown)
    } finally {
      busy.value = false
    }
  }
  const take = (records: readonly AuditRecord[]) => {
    const known = new Set([...arrived.peek(), ...(found.peek() ?? [])].map(auditKey))
    const fresh = records.filter((record) => !known.has(auditKey(record)) && matchesAudit(record, filter))
    if (fresh.length > 0) arrived.value = [...[...fresh].reverse(), ...arrived.peek()].slice(0, mostLive)
  }

  let connections = 0
  const socket = openSocket(
    {
      url: () => '/api/audit/stream',
      before: mayConnect,
      silence,
      message: (text) => {
        const parsed = auditFrame.safeParse(JSON.parse(text))
        if (parsed.success) take(parsed.data.records)
      },
      opened: () => {
        phase.value = { phase: 'live' }
        connections += 1
        // What was recorded while nobody listened is found by searching again.
        if (connections > 1) void search(undefined)
      },
      onState: (state) => {
        phase.value = state
        if (state.phase === 'signed-out') session.value = { phase: 'out', ended: true }
      },
    },
    browserParts,
  )
  const unwake = onWake(socket.nudge)
  void search(undefined)

  return {
    found,
    arrived,
    cursor,
    error,
    phase,
    busy,
    older: () => void search(cursor.peek() ?? undefined),
    again: () => void search(undefined),
    nudge: socket.nudge,
    close: () => {
      stop.abort()
      unwake()
      socket.close()
    },
  }
}
