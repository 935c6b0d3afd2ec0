/** A kiosk's own requests: enrol once, sign a nonce at each connect. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod/mini'
import { kioskEnrol, kioskSession } from '../../protocol/api.ts'
import type { AddressOf } from '../address.ts'
import { kioskCookie, setCookie } from '../auth/cookies.ts'
import { type Kiosks, kioskPerson, kioskSessionSeconds } from '../auth/kiosks.ts'
import { type Audit, PUBLIC } from '../context.ts'
import { parseBody, parseQuery } from '../parse.ts'

export type KioskParts = {
  readonly kiosks: Kiosks
  readonly audit: Pick<Audit, 'record'>
  readonly addressOf: AddressOf
  readonly perMinute: number
}

const nonceQuery = z.strictObject({ kiosk: z.string().check(z.maxLength(64)) })

export const kioskRoutes =
  (parts: KioskParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const { kiosks, audit, addressOf } = parts
    const limited = { kind: PUBLIC, rateLimit: { max: parts.perMinute, timeWindow: 60_000 } } as const

    app.post('/api/kiosk/enrol', { config: limited }, async (request) => {
      const body = parseBody(kioskEnrol, request.body)
      const { kiosk, name } = await kiosks.enrol(body, (meant) =>
        audit.record({
          event: 'kiosk.enrolled',
          outcome: 'done',
          person: kioskPerson(meant.kiosk),
          address: addressOf(request.raw),
          tail: meant.name,
        }),
      )
      return { kiosk, name }
    })

    app.get('/api/kiosk/nonce', { config: limited }, async (request, reply) => {
      reply.header('cache-control', 'no-store')
      return { nonce: await kiosks.nonce(parseQuery(nonceQuery, request.query).kiosk) }
    })

    app.post('/api/kiosk/session', { config: limited }, async (request, reply) => {
      const cookie = await kiosks.open(parseBody(kioskSession, request.body))
      return reply
        .header('set-cookie', setCookie(kioskCookie, cookie, kioskSessionSeconds))
        .code(204)
        .send()
    })
  }
