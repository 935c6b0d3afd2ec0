/** The audit log for people: search, the same as a file, and live. */
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod/mini'
import { auditEvents, auditOutcomes } from '../../protocol/audit.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { type AuditStreamParts, createAuditStream } from '../audit-stream.ts'
import { type AuditFilter, createAuditView } from '../audit-view.ts'
import { type Audit, type Gate, PAGE, STREAM, type Viewer } from '../context.ts'
import { parseQuery } from '../parse.ts'

export type AuditParts = Omit<AuditStreamParts, 'log'> & {
  readonly gate: Pick<Gate, 'viewer' | 'current'>
  readonly audit: Pick<Audit, 'search' | 'onRecord' | 'health'>
}

const short = z.string().check(z.minLength(1), z.maxLength(200))
const filters = {
  /** Epoch ms, or ISO 8601. */
  since: z.optional(short),
  until: z.optional(short),
  person: z.optional(short),
  account: z.optional(short),
  workflow: z.optional(short),
  event: z.optional(short.check(z.refine((name) => Object.hasOwn(auditEvents, name)))),
  action: z.optional(short),
  outcome: z.optional(z.enum(auditOutcomes)),
  text: z.optional(short),
}
const streamQuery = z.strictObject(filters)
const searchQuery = z.strictObject({
  ...filters,
  cursor: z.optional(z.string().check(z.maxLength(500))),
  limit: z.optional(z.string().check(z.regex(/^[1-9][0-9]{0,2}$/))),
})

const defaultLimit = 100
const maxLimit = 500

const timeOf = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  const time = /^\d{1,16}$/.test(text) ? Number(text) : Date.parse(text)
  // Later and earlier than that there is no date.
  if (!(Math.abs(time) <= 8.64e15)) throw new SeneschalError('input.invalid', 'since and until are times.')
  return time
}

const filterOf = (asked: z.infer<typeof streamQuery>): AuditFilter => ({
  ...asked,
  since: timeOf(asked.since),
  until: timeOf(asked.until),
})

export const auditRoutes =
  (parts: AuditParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const { gate, audit, policy } = parts
    const stream = createAuditStream({ ...parts, log: app.log })
    app.addHook('onClose', async () => stream.close())

    const search = (viewer: Viewer, filter: AuditFilter, limit: number, cursor: string | undefined) => {
      const view = createAuditView(policy, viewer)
      const page = audit.search({ ...filter, cursor, limit, visible: view.sees })
      return { records: page.records.map(view.present), cursor: page.cursor }
    }

    app.get('/api/audit', { config: { kind: PAGE } }, async (request, reply) => {
      const { cursor, limit, ...asked } = parseQuery(searchQuery, request.query)
      const size = Math.min(Number(limit ?? defaultLimit), maxLimit)
      reply.header('cache-control', 'no-store')
      return {
        ...search(gate.viewer(request), filterOf(asked), size, cursor),
        writable: audit.health().writable,
      }
    })

    /** A page at a time, and the next one only when somebody took the last; rights are those of each page's time. */
    async function* lines(first: Viewer, filter: AuditFilter): AsyncGenerator<string> {
      let viewer: Viewer | undefined = first
      let cursor: string | undefined
      do {
        const page = search(viewer, filter, maxLimit, cursor)
        yield page.records.map((record) => `${JSON.stringify(record)}\n`).join('')
        cursor = page.cursor ?? undefined
        viewer = await gate.current(viewer)
        // Broken off, and not ended: half a log must not look like a whole one.
        if (viewer === undefined) throw new SeneschalError('session.ended')
      } while (cursor !== undefined)
    }
    app.get('/api/audit/export', { config: { kind: PAGE } }, async (request, reply) => {
      const filter = filterOf(parseQuery(streamQuery, request.query))
      reply
        .header('cache-control', 'no-store')
        .header('content-disposition', 'attachment; filename="audit.ndjson"')
        .type('application/x-ndjson')
      return Readable.from(lines(gate.viewer(request), filter))
    })

    app.get(
      '/api/audit/stream',
      {
        websocket: true,
        config: { kind: STREAM },
        // Before the handshake: what is asked for is refused as an answer, not as a socket that closes.
        preHandler: async (request) => void filterOf(parseQuery(streamQuery, request.query)),
      },
      (socket, request) =>
        stream.watch(socket, gate.viewer(request), filterOf(parseQuery(streamQuery, request.query))),
    )
  }
