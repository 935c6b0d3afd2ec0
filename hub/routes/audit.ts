/** The audit log for people: search, and live. */
import type { FastifyInstance } from 'fastify'
import type { WebSocket } from 'ws'
import { z } from 'zod/mini'
import { rolesOf } from '../../policy/roles.ts'
import type { AuditRecord } from '../../protocol/audit.ts'
import { auditEvents } from '../../protocol/audit.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { closeCodes, tickInterval } from '../../protocol/frames.ts'
import {
  type Audit,
  type Gate,
  type LiveSockets,
  PAGE,
  type PolicyView,
  STREAM,
  type Viewer,
} from '../context.ts'
import { parseQuery } from '../parse.ts'
import { mayView, whoIs } from '../visible.ts'

export type AuditParts = {
  readonly gate: Pick<Gate, 'viewer' | 'current'>
  readonly audit: Pick<Audit, 'search' | 'onRecord'>
  readonly policy: PolicyView
  readonly live: Pick<LiveSockets, 'add'>
}

const short = z.string().check(z.minLength(1), z.maxLength(200))
const query = z.strictObject({
  /** Epoch ms, or ISO 8601. */
  since: z.optional(short),
  until: z.optional(short),
  person: z.optional(short),
  account: z.optional(short),
  event: z.optional(short.check(z.refine((name) => Object.hasOwn(auditEvents, name)))),
  text: z.optional(short),
  cursor: z.optional(z.string().check(z.maxLength(500))),
  limit: z.optional(z.string().check(z.regex(/^[1-9][0-9]{0,2}$/))),
})

const defaultLimit = 100
const maxLimit = 500

const timeOf = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  const time = /^\d+$/.test(text) ? Number(text) : Date.parse(text)
  if (!Number.isFinite(time)) throw new SeneschalError('input.invalid', 'since and until are times.')
  return time
}

/** Auditors and administrators see all; others what they did, and what was done where they may look. */
const seesAll = (policy: PolicyView, viewer: Viewer): boolean => {
  const snapshot = policy.snapshot()
  if (snapshot === undefined) return false
  const roles = rolesOf(snapshot, whoIs(viewer))
  return roles.includes('auditor') || roles.includes('admin')
}

/** A filter for one viewer; answers about the same workflow are remembered for as long as it is used. */
const createFilter = (policy: PolicyView, viewer: Viewer) => {
  const all = seesAll(policy, viewer)
  const known = new Map<string, boolean>()
  const mayLook = (account: string, workflow: string | null): boolean => {
    const key = `${account}/${workflow ?? ''}`
    const answer = known.get(key) ?? mayView(policy, viewer, account, workflow ?? undefined)
    known.set(key, answer)
    return answer
  }
  return {
    sees: (record: Pick<AuditRecord, 'person' | 'account' | 'workflow'>): boolean =>
      all ||
      record.person === viewer.person ||
      (record.account !== null && mayLook(record.account, record.workflow)),
    /** From where somebody else acted is for auditors. */
    present: (record: AuditRecord): AuditRecord =>
      all || record.person === viewer.person ? record : { ...record, session: null, address: null },
  }
}

/** Records of a burst go as one frame, ms. */
const coalesceFor = 50
/** A reader that is this much behind is cut; it searches for what it missed. */
const maxBuffered = 1024 * 1024

export const auditRoutes =
  (parts: AuditParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const { gate, audit, policy, live } = parts

    app.get('/api/audit', { config: { kind: PAGE } }, async (request, reply) => {
      const asked = parseQuery(query, request.query)
      const filter = createFilter(policy, gate.viewer(request))
      const page = audit.search({
        since: timeOf(asked.since),
        until: timeOf(asked.until),
        person: asked.person,
        account: asked.account,
        event: asked.event,
        text: asked.text,
        cursor: asked.cursor,
        limit: Math.min(Number(asked.limit ?? defaultLimit), maxLimit),
        visible: filter.sees,
      })
      reply.header('cache-control', 'no-store')
      return { records: page.records.map(filter.present), cursor: page.cursor }
    })

    const watch = (socket: WebSocket, first: Viewer): void => {
      let viewer = first
      let waiting: AuditRecord[] = []
      let timer: NodeJS.Timeout | undefined
      const close = (code: number) => {
        stop()
        socket.close(code)
      }
      const send = async (): Promise<void> => {
        timer = undefined
        const batch = waiting
        waiting = []
        // Groups and layers as they are now: what was lost since the socket opened is no longer seen.
        const current = await gate.current(viewer)
        if (current === undefined) return close(closeCodes.sessionEnded)
        viewer = current
        const filter = createFilter(policy, viewer)
        const records = batch.filter(filter.sees).map(filter.present)
        if (records.length === 0) return
        if (socket.bufferedAmount > maxBuffered) return close(closeCodes.slow)
        socket.send(JSON.stringify({ type: 'records', records }))
      }
      // A frame without records is a sign of life: a dead connection is told from a quiet one.
      const ticking = setInterval(
        () => socket.send(JSON.stringify({ type: 'records', records: [] })),
        tickInterval,
      )
      ticking.unref()
      const stopListening = audit.onRecord((record) => {
        waiting.push(record)
        timer ??= setTimeout(() => {
          send().catch((err: unknown) => {
            app.log.error({ err }, 'audit stream failed')
            close(closeCodes.restart)
          })
        }, coalesceFor)
      })
      const forget = live.add({ session: viewer.session, person: viewer.person, close })
      const stop = () => {
        clearInterval(ticking)
        stopListening()
        forget()
        clearTimeout(timer)
      }
      socket.on('close', stop)
      // Sockets only listen; whatever comes up is not read.
      socket.on('message', () => close(1008))
    }
    app.get('/api/audit/stream', { websocket: true, config: { kind: STREAM } }, (socket, request) =>
      watch(socket, gate.viewer(request)),
    )
  }
