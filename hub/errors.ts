/** What a request that failed is answered: the code table's status and sentence, never a stack or a stored row. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorBody } from '../protocol/api.ts'
import { type ErrorCode, SeneschalError } from '../protocol/errors.ts'

/** Fastify's own refusals of what it could not even read. */
const ofFramework: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'input.too-large',
  FST_ERR_BAD_URL: 'path.invalid',
  FST_ERR_ASYNC_CONSTRAINT: 'path.invalid',
  FST_ERR_MAX_PARAM_LENGTH: 'path.invalid',
}

/** Any thrown value as a SeneschalError. */
export const toSeneschalError = (thrown: unknown): SeneschalError => {
  if (thrown instanceof SeneschalError) return thrown
  const { code = '', statusCode } = thrown as Partial<FastifyError>
  const known = ofFramework[code]
  if (known !== undefined) return new SeneschalError(known, undefined, { cause: thrown })
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new SeneschalError('input.invalid', undefined, { cause: thrown })
  return new SeneschalError('internal', undefined, { cause: thrown })
}

export const errorBodyOf = (error: SeneschalError, request: string): ErrorBody => ({
  error: { code: error.code, message: error.message, request },
})

/** Whatever is unavailable may be back soon, s. */
const retryAfter = 5

export const sendError = (request: FastifyRequest, reply: FastifyReply, thrown: unknown): FastifyReply => {
  const error = toSeneschalError(thrown)
  const where = { method: request.method, route: request.routeOptions.url, code: error.code }
  // A browser that leaves before it is answered is everyday life.
  if (error.code === 'lost.connection' && reply.raw.destroyed)
    request.log.debug(where, 'whoever asked is gone')
  else if (error.status >= 500) request.log.error({ ...where, err: error }, 'request failed')
  else request.log.info({ ...where, detail: error.detail, err: error.cause }, 'request refused')
  if (error.status === 503) reply.header('retry-after', retryAfter)
  return reply
    .code(error.status)
    .header('cache-control', 'no-store')
    .type('application/json; charset=utf-8')
    .send(errorBodyOf(error, request.id))
}

export const answerErrors = (app: FastifyInstance): void => {
  app.setErrorHandler((thrown, request, reply) => sendError(request, reply, thrown))
}
