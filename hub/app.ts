/** The HTTP side: headers, gate and error answers first, then every route there is. */
import { randomUUID } from 'node:crypto'
import rateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyInstance, type FastifyPluginAsync, LogController } from 'fastify'
import { SeneschalError } from '../protocol/errors.ts'
import { rawRefusal } from '../wire/raw-refusal.ts'
import type { AddressOf } from './address.ts'
import type { LiveSockets, Log } from './context.ts'
import { answerErrors, errorBodyOf, sendError } from './errors.ts'
import type { HubGate } from './gate/gate.ts'
import { registerHeaders, safeHeaders } from './headers.ts'
import type { UpgradeHandler } from './proxy/upgrade.ts'
import { registerSockets } from './sockets.ts'

export type AppParts = {
  readonly gate: HubGate
  readonly publicUrl: string
  readonly addressOf: AddressOf
  readonly log: Log
  readonly live: LiveSockets
  /** WebSockets under `/u/`. */
  readonly underU: UpgradeHandler
  readonly routes: readonly FastifyPluginAsync[]
}

/** Nothing that anybody sends to the hub itself is larger. */
const bodyLimit = 128 * 1024

export const createApp = async (parts: AppParts): Promise<FastifyInstance> => {
  const headers = safeHeaders(parts.publicUrl)
  const app: FastifyInstance = Fastify({
    loggerInstance: parts.log,
    logController: new LogController({ disableRequestLogging: true }),
    // Never what the client says its id is: it stands in the log.
    requestIdHeader: false,
    genReqId: () => randomUUID(),
    bodyLimit,
    forceCloseConnections: true,
    // Malformed percent-encoding reaches no route.
    frameworkErrors: (thrown, request, reply) => void sendError(request, reply.headers(headers), thrown),
    clientErrorHandler: (_error, socket) => {
      const error = new SeneschalError('input.invalid')
      if (socket.writable) socket.end(rawRefusal(error.status, errorBodyOf(error, randomUUID())))
    },
  })
  answerErrors(app)
  app.setNotFoundHandler((request, reply) => sendError(request, reply, new SeneschalError('route.unknown')))
  // Only JSON, and a body may be left out.
  app.removeAllContentTypeParsers()
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) =>
    body.length === 0 ? done(null, undefined) : parseJson(request, String(body), done),
  )
  registerHeaders(app, headers)
  parts.gate.guard(app)
  await app.register(rateLimit, {
    global: false,
    keyGenerator: (request) => parts.addressOf(request.raw),
    errorResponseBuilder: () => new SeneschalError('rate.limited'),
  })
  await registerSockets(app, { underU: parts.underU, live: parts.live })
  for (const routes of parts.routes) await app.register(routes)
  return app
}
