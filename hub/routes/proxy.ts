import type { FastifyInstance } from 'fastify'
import { SeneschalError } from '../../protocol/errors.ts'
import type { Audit, Clock, Gate, PolicyView, Servers, Signer, SiteView } from '../context.ts'
import type { Upstream } from '../proxy/upstream.ts'

export type ProxyParts = {
  readonly gate: Pick<Gate, 'viewer'>
  readonly site: SiteView
  readonly policy: PolicyView
  readonly servers: Servers
  readonly signer: Signer
  readonly audit: Pick<Audit, 'record'>
  readonly upstream: Upstream
  readonly now: Clock
}

export const proxyRoutes =
  (_parts: ProxyParts) =>
  async (_app: FastifyInstance): Promise<void> => {
    throw new SeneschalError('internal')
  }
