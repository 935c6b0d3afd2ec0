/** The audit log as I may see it: a search backwards in time, and what is recorded from now on. */
import { signal } from '@preact/signals'
import { auditBody, auditFrame } from '../../protocol/api.ts'
import { auditEvents } from '../../protocol/audit.ts'
import { browserParts, onWake } from '../browser.ts'
import { openSocket, type StreamPhase, silence } from '../stream.ts'
import { createAuditLog } from './audit-log.ts'
import { api, mayConnect, session } from './session.ts'

/** As the address of the page has them, and the hub takes them. */
export const auditFilters = [
  'text',
  'person',
  'account',
  'workflow',
  'action',
  'event',
  'outcome',
  'since',
  'until',
] as const
/** Empty where nothing is asked; times are ISO 8601. */
export type AuditFilter = Readonly<Record<(typeof auditFilters)[number], string>>

export const auditEventNames = Object.keys(auditEvents)

export const auditQuery = (
  filter: AuditFilter,
  more: Readonly<Record<string, string | undefined>> = {},
): string => {
  const asked = Object.entries<string | undefined>({ ...filter, ...more })
  const given = asked.flatMap(([key, value]) => (value === undefined || value === '' ? [] : [[key, value]]))
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`
}

/** A stream that cannot be had is no reason to show nothing, ms. */
const patience = 2000

export const openAudit = (filter: AuditFilter) => {
  const phase = signal<StreamPhase>({ phase: 'connecting' })
  const log = createAuditLog({
    search: (cursor, limit, aborted) =>
      api.get(`/api/audit${auditQuery(filter, { cursor, limit: String(limit) })}`, auditBody, {
        signal: aborted,
      }),
  })
  const socket = openSocket(
    {
      url: () => `/api/audit/stream${auditQuery(filter)}`,
      before: mayConnect,
      silence,
      message: (text) => {
        const frame = auditFrame.safeParse(JSON.parse(text))
        if (!frame.success) {
          // Records that this page does not understand are missing in the list: it is read again.
          socket.renew()
          return
        }
        log.take(frame.data.records)
      },
      // From here on everything is told: what was recorded before is found, and nothing falls in between.
      opened: () => {
        phase.value = { phase: 'live' }
        log.renew()
      },
      onState: (state) => {
        phase.value = state
        if (state.phase === 'signed-out') session.value = { phase: 'out', ended: true }
      },
    },
    browserParts,
  )
  const unwake = onWake(socket.nudge)
  const impatient = setTimeout(() => {
    if (log.records.peek() === undefined && !log.busy.peek()) log.renew()
  }, patience)

  return {
    ...log,
    phase,
    close: () => {
      clearTimeout(impatient)
      log.close()
      unwake()
      socket.close()
    },
  }
}
