import type { FastifyInstance } from 'fastify'
import { SeneschalError } from '../../protocol/errors.ts'
import type { Audit, Gate, PolicyView, SiteView } from '../context.ts'

export type ExplainParts = {
  readonly gate: Pick<Gate, 'viewer'>
  readonly site: SiteView
  readonly policy: PolicyView
  readonly audit: Pick<Audit, 'record'>
  /** Groups of another person, from the latest session; undefined for somebody never seen. */
  readonly groupsOf: (person: string) => Promise<readonly string[] | undefined>
}

export const explainRoutes =
  (_parts: ExplainParts) =>
  async (_app: FastifyInstance): Promise<void> => {
    throw new SeneschalError('internal')
  }
