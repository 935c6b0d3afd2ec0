import type { FastifyInstance } from 'fastify'
import { SeneschalError } from '../../protocol/errors.ts'
import type { Gate, PolicyView, SiteView } from '../context.ts'
import type { Granted } from '../granted.ts'

export type RequestsParts = {
  readonly gate: Pick<Gate, 'viewer'>
  readonly site: SiteView
  readonly policy: PolicyView
  readonly granted: Granted
}

export const requestsRoutes =
  (_parts: RequestsParts) =>
  async (_app: FastifyInstance): Promise<void> => {
    throw new SeneschalError('internal')
  }
