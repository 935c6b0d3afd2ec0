/** The pages: one document for every place, and its hashed assets. They are public and hold no data. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { SeneschalError } from '../../protocol/errors.ts'
import { PUBLIC } from '../context.ts'

export type PagesParts = { readonly webDir: string }

const document = 'index.html'
/** Vite names these after their content, so they never change. */
const assets = /^assets\/[^/]+$/
/** Beside the document, such as the icon. */
const beside = /^[a-z0-9][a-z0-9.-]*\.(?:svg|png|ico|webmanifest|txt)$/
const interfaces = /^\/(?:api|auth|u|\.well-known|healthz|readyz|metrics)(?:\/|$)/

const isPlace = (request: FastifyRequest, path: string): boolean =>
  !interfaces.test(path) && (request.headers.accept?.includes('text/html') ?? false)

export const pageRoutes =
  ({ webDir }: PagesParts) =>
  async (app: FastifyInstance): Promise<void> => {
    if (!existsSync(join(webDir, document)))
      throw new SeneschalError('config.invalid', `${webDir} has no ${document}: build the pages first.`)
    await app.register(fastifyStatic, {
      root: webDir,
      serve: false,
      cacheControl: false,
      index: false,
      preCompressed: true,
    })

    app.get('/*', { config: { kind: PUBLIC } }, async (request, reply) => {
      const path = request.url.split('?', 1)[0] ?? '/'
      const file = (request.params as { '*': string })['*']
      if (assets.test(file))
        return reply.header('cache-control', 'public, max-age=31536000, immutable').sendFile(file)
      if (beside.test(file)) return reply.header('cache-control', 'public, max-age=3600').sendFile(file)
      if (isPlace(request, path)) return reply.header('cache-control', 'no-store').sendFile(document)
      throw new SeneschalError('route.unknown')
    })
  }
