/** For those who run the hub: is it alive, is it ready, its public keys, its interface. */
import type { FastifyInstance } from 'fastify'
import { version } from '../../protocol/version.ts'
import { type PolicyView, PUBLIC, type Signer } from '../context.ts'
import { openApi } from '../openapi.ts'
import type { Database } from '../store/open.ts'

export type OperationsParts = {
  readonly db: Database
  readonly policy: Pick<PolicyView, 'known'>
  readonly signer: Pick<Signer, 'jwks'>
  readonly title: string
}

export const operationsRoutes =
  (parts: OperationsParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const config = { kind: PUBLIC } as const

    app.get('/healthz', { config }, async () => ({ status: 'ok', version }))

    app.get('/readyz', { config }, async (request, reply) => {
      const database = await parts.db
        .selectFrom('meta')
        .select('key')
        .limit(1)
        .execute()
        .then(
          () => true,
          (err: unknown) => {
            request.log.error({ err }, 'the database does not answer')
            return false
          },
        )
      const checks = { database, permissions: parts.policy.known() }
      const ready = Object.values(checks).every(Boolean)
      return reply.code(ready ? 200 : 503).send({ ready, checks })
    })

    app.get('/.well-known/jwks.json', { config }, async (_request, reply) => {
      reply.header('cache-control', 'public, max-age=300')
      return parts.signer.jwks()
    })

    const description = openApi(parts.title)
    app.get('/api/openapi.json', { config }, async () => description)
  }
