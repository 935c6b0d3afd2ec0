import type { FastifyInstance } from 'fastify'
import { SeneschalError } from '../../protocol/errors.ts'
import type { Gate, LiveSockets, PolicyView, Servers, SiteView } from '../context.ts'

export type ServerParts = {
  readonly gate: Pick<Gate, 'viewer'>
  readonly site: SiteView
  readonly policy: PolicyView
  readonly servers: Servers
  readonly live: LiveSockets
}

export const serverRoutes =
  (_parts: ServerParts) =>
  async (_app: FastifyInstance): Promise<void> => {
    throw new SeneschalError('internal')
  }
