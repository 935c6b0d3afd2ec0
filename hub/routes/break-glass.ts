/** `POST /auth/break-glass {code}`: a session for who brings the code of the sealed key. The provider is not asked. */
import type { FastifyInstance } from 'fastify'
import { breakGlassCode } from '../../protocol/api.ts'
import { closeCodes } from '../../protocol/frames.ts'
import type { AddressOf } from '../address.ts'
import { readCookie, sessionCookie, setCookie } from '../auth/cookies.ts'
import type { Sessions } from '../auth/sessions.ts'
import type { BreakGlass } from '../break-glass/door.ts'
import { type Clock, type LiveSockets, PUBLIC } from '../context.ts'
import { parseBody } from '../parse.ts'

export type BreakGlassRoutesParts = {
  readonly breakGlass: Pick<BreakGlass, 'redeem'>
  readonly sessions: Pick<Sessions, 'find' | 'end'>
  readonly live: Pick<LiveSockets, 'close'>
  readonly addressOf: AddressOf
  readonly perMinute: number
  readonly now: Clock
}

export const breakGlassRoutes =
  (parts: BreakGlassRoutesParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const { sessions, live } = parts
    const config = { kind: PUBLIC, rateLimit: { max: parts.perMinute, timeWindow: 60_000 } } as const
    app.post('/auth/break-glass', { config }, async (request, reply) => {
      const { code } = parseBody(breakGlassCode, request.body)
      const cookie = readCookie(request.headers.cookie, sessionCookie)
      const before = cookie.is === 'given' ? await sessions.find(cookie.value) : undefined
      const made = await parts.breakGlass.redeem(code, {
        address: parts.addressOf(request.raw),
        device: request.headers['user-agent']?.slice(0, 200) ?? null,
      })
      // This browser is somebody else now, also to those who look at its former session.
      if (before !== undefined) {
        await sessions.end({ name: before.name })
        live.close((socket) => socket.session === before.name, closeCodes.sessionReplaced)
      }
      return reply
        .header('cache-control', 'no-store')
        .header(
          'set-cookie',
          setCookie(sessionCookie, made.cookie, (made.session.expiresAt - parts.now()) / 1000),
        )
        .code(204)
        .send()
    })
  }
