/**
 * `/u/:account/*`: reading from an account's UI server. Upstream go a few conditional headers and a fresh
 * assertion, never a cookie or whatever else the browser sent; back comes data (proxy/answer.ts).
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { SeneschalError } from '../../protocol/errors.ts'
import {
  type Audit,
  type Clock,
  type Gate,
  type Log,
  PAGE,
  type Servers,
  type Signer,
  type Viewer,
} from '../context.ts'
import { presentAnswer } from '../proxy/answer.ts'
import { createAssertions } from '../proxy/assertions.ts'
import { type ProxyPath, parseJobId, parseProxyPath, wantsOf } from '../proxy/path.ts'
import { createRecently } from '../proxy/recently.ts'
import type { Upstream } from '../proxy/upstream.ts'

export type ProxyParts = {
  readonly gate: Pick<Gate, 'viewer'>
  readonly servers: Servers
  readonly signer: Pick<Signer, 'assertion'>
  readonly audit: Pick<Audit, 'record'>
  readonly upstream: Upstream
  readonly now: Clock
}

const forwarded = ['accept', 'range', 'if-range', 'if-none-match', 'if-modified-since'] as const

/** One reading of a log is many requests (ranges, tails): it is recorded once per session and file. */
const logReadingLasts = 10 * 60_000

const headersFor = (request: FastifyRequest, assertion: string): Record<string, string> => {
  const headers: Record<string, string> = { authorization: `Bearer ${assertion}` }
  for (const name of forwarded) {
    const value = request.headers[name]
    if (typeof value === 'string') headers[name] = value
  }
  return headers
}

/** Aborted when the browser went away before it had the whole answer. */
const goneSignal = (reply: FastifyReply): AbortSignal => {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort(new SeneschalError('lost.connection')))
  return gone.signal
}

export const proxyRoutes =
  (parts: ProxyParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const { gate, servers, upstream, audit } = parts
    const assertion = createAssertions(parts)
    const readings = createRecently(parts.now, logReadingLasts)

    /** Reading goes on without an audit log; the hub's own log says so. */
    const recordReading = async (
      viewer: Viewer,
      { account, segments }: ProxyPath,
      log: Log,
    ): Promise<void> => {
      const [what, id, logs, file] = segments
      if (what !== 'jobs' || id === undefined || logs !== 'logs' || file === undefined) return
      if (!readings.isNew(JSON.stringify([viewer.session, account, id, file]))) return
      const { person, session, address } = viewer
      const job = parseJobId(account, id)
      try {
        await audit.record({
          event: 'log.opened',
          outcome: 'done',
          person,
          session,
          address,
          account,
          ...job,
          tail: (job === undefined ? `${id} ${file}` : file).slice(0, 200),
        })
      } catch (err) {
        log.error({ err, account }, 'the reading of a log could not be recorded')
      }
    }

    app.route({
      method: ['GET', 'HEAD'],
      url: '/u/:account/*',
      config: { kind: PAGE, wants: (request) => wantsOf(parseProxyPath(request.raw.url ?? '')) },
      handler: async (request, reply) => {
        const viewer = gate.viewer(request)
        const path = parseProxyPath(request.raw.url ?? '')
        const audience = servers.audience(path.account)
        const { statusCode, headers, body } = await upstream.request({
          audience,
          method: request.method === 'HEAD' ? 'HEAD' : 'GET',
          path: path.target,
          headers: headersFor(request, await assertion(viewer, audience)),
          signal: goneSignal(reply),
        })
        const answer = presentAnswer(statusCode, headers)
        if (answer === undefined) {
          body.on('error', (err) => request.log.debug({ err }, 'an answer was thrown away')).destroy()
          request.log.warn({ account: path.account, status: statusCode }, 'an answer may not be passed on')
          throw new SeneschalError('server.bad-answer')
        }
        if (statusCode < 300) {
          servers.touch(path.account)
          await recordReading(viewer, path, request.log)
        }
        reply.code(statusCode).headers(answer)
        if (request.method === 'GET' && statusCode !== 204 && statusCode !== 304) return reply.send(body)
        body.resume()
        return reply.send()
      },
    })
  }
