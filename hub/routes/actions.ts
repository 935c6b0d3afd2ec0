import type { FastifyInstance } from 'fastify'
import { SeneschalError } from '../../protocol/errors.ts'
import type { Audit, Gate, PolicyView, Servers, Signer, SiteView } from '../context.ts'
import type { Granted } from '../granted.ts'
import type { Upstream } from '../proxy/upstream.ts'

export type ActionsParts = {
  readonly gate: Pick<Gate, 'viewer'>
  readonly site: SiteView
  readonly policy: PolicyView
  readonly servers: Servers
  readonly signer: Signer
  readonly audit: Pick<Audit, 'record' | 'head'>
  readonly granted: Granted
  readonly upstream: Upstream
  /** A UUIDv7. */
  readonly newId: () => string
}

export const actionsRoutes =
  (_parts: ActionsParts) =>
  async (_app: FastifyInstance): Promise<void> => {
    throw new SeneschalError('internal')
  }
