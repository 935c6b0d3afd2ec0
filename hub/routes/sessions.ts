/** Sessions in a list: everybody ends their own, administrators anybody's. Taking away waits for no record. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { SeneschalError } from '../../protocol/errors.ts'
import type { SessionsBody } from '../../protocol/sessions.ts'
import { clearCookie, sessionCookie } from '../auth/cookies.ts'
import type { Sessions } from '../auth/sessions.ts'
import { farewell } from '../auth/sign-out.ts'
import {
  ADMIN,
  type Audit,
  CHANGE,
  type Clock,
  type Gate,
  type LiveSockets,
  type Log,
  PAGE,
  type Viewer,
} from '../context.ts'

export type SessionsParts = {
  readonly gate: Pick<Gate, 'viewer'>
  readonly sessions: Pick<Sessions, 'list' | 'end'>
  readonly audit: Pick<Audit, 'record'>
  readonly live: Pick<LiveSockets, 'close'>
  readonly now: Clock
  readonly log: Log
}

export const sessionsRoutes =
  (parts: SessionsParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const { gate, sessions } = parts

    const list = async (reply: FastifyReply, viewer: Viewer, person?: string): Promise<SessionsBody> => {
      reply.header('cache-control', 'no-store')
      const rows = await sessions.list(person)
      return {
        sessions: rows.map((row) => ({ ...row, own: row.session === viewer.session })),
        now: parts.now(),
      }
    }
    /** The record is about whose session it was; who ended it from where stands in its arguments. */
    const endOne = async (request: FastifyRequest, reply: FastifyReply, mine: boolean) => {
      const viewer = gate.viewer(request)
      const { session } = request.params as { session: string }
      const listed = await sessions.list(mine ? viewer.person : undefined)
      if (!listed.some((row) => row.session === session)) throw new SeneschalError('session.unknown')
      const ended = await sessions.end({ name: session })
      await farewell(parts, ended, {
        event: mine ? 'session.signed-out' : 'session.ended',
        address: viewer.address,
        args: { by: viewer.person, from: viewer.session },
        ...(session === viewer.session
          ? {}
          : { tail: mine ? 'elsewhere' : `by the administrator ${viewer.person}` }),
      })
      if (session === viewer.session) reply.header('set-cookie', clearCookie(sessionCookie))
      return reply.code(204).send()
    }

    app.get('/api/sessions', { config: { kind: PAGE } }, async (request, reply) => {
      const viewer = gate.viewer(request)
      return list(reply, viewer, viewer.person)
    })

    app.delete('/api/sessions', { config: { kind: CHANGE } }, async (request) => {
      const { person, session, address } = gate.viewer(request)
      const ended = await sessions.end({ person, but: session })
      await farewell(parts, ended, {
        event: 'session.signed-out',
        ...{ address, args: { by: person, from: session }, tail: 'elsewhere' },
      })
      return { ended: ended.length }
    })

    app.delete('/api/sessions/:session', { config: { kind: CHANGE } }, (request, reply) =>
      endOne(request, reply, true),
    )

    app.get('/api/admin/sessions', { config: { kind: ADMIN } }, async (request, reply) =>
      list(reply, gate.viewer(request)),
    )

    app.delete('/api/admin/sessions/:session', { config: { kind: ADMIN } }, (request, reply) =>
      endOne(request, reply, false),
    )
  }
