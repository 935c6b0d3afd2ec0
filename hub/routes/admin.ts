/** Administration. Each act is recorded before it happens. */
import type { FastifyInstance } from 'fastify'
import { milliseconds } from '../../config/schemas.ts'
import { kioskCreate, kioskRename } from '../../protocol/api.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { closeCodes } from '../../protocol/frames.ts'
import { type Kiosks, kioskPerson, newKioskId } from '../auth/kiosks.ts'
import type { HubConfig } from '../config.ts'
import { ADMIN, type Audit, type Clock, type Gate, type LiveSockets, type Viewer } from '../context.ts'
import { parseBody } from '../parse.ts'

export type AdminParts = {
  readonly gate: Pick<Gate, 'viewer'>
  readonly kiosks: Kiosks
  readonly audit: Pick<Audit, 'record'>
  readonly live: Pick<LiveSockets, 'close'>
  readonly config: HubConfig['kiosks']
  readonly now: Clock
}

const by = ({ person, session, address }: Viewer) => ({ person, session, address, outcome: 'done' as const })

export const adminRoutes =
  (parts: AdminParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const { gate, kiosks, audit, live } = parts
    const config = { kind: ADMIN } as const

    app.get('/api/admin/kiosks', { config }, async () => ({ kiosks: await kiosks.list() }))

    app.post('/api/admin/kiosks', { config }, async (request, reply) => {
      const {
        name,
        accounts,
        lasts = milliseconds(parts.config.lasts),
      } = parseBody(kioskCreate, request.body)
      const viewer = gate.viewer(request)
      const id = newKioskId()
      await audit.record({
        event: 'kiosk.created',
        ...by(viewer),
        args: { kiosk: id },
        tail: `${name} (${id})`,
      })
      const made = await kiosks.create({
        ...{ id, name, createdBy: viewer.person },
        accounts: accounts ?? null,
        expiresAt: parts.now() + lasts,
      })
      return reply.code(201).header('cache-control', 'no-store').send(made)
    })

    const mustKnow = async (kiosk: string) => {
      const found = (await kiosks.list()).find((row) => row.kiosk === kiosk && row.state !== 'revoked')
      if (found === undefined) throw new SeneschalError('kiosk.unknown')
      return found
    }

    app.post('/api/admin/kiosks/:kiosk', { config }, async (request, reply) => {
      const { kiosk } = request.params as { kiosk: string }
      const { name } = parseBody(kioskRename, request.body)
      const found = await mustKnow(kiosk)
      await audit.record({
        event: 'kiosk.renamed',
        ...by(gate.viewer(request)),
        args: { kiosk },
        tail: `${found.name} (${kiosk}) to ${name}`,
      })
      await kiosks.rename(kiosk, name)
      return reply.code(204).send()
    })

    app.delete('/api/admin/kiosks/:kiosk', { config }, async (request, reply) => {
      const { kiosk } = request.params as { kiosk: string }
      const found = await mustKnow(kiosk)
      await audit.record({
        event: 'kiosk.revoked',
        ...by(gate.viewer(request)),
        args: { kiosk },
        tail: `${found.name} (${kiosk})`,
      })
      await kiosks.revoke(kiosk)
      live.close((socket) => socket.person === kioskPerson(kiosk), closeCodes.sessionEnded)
      return reply.code(204).send()
    })
  }
