/**
 * `/u/:account/*`: reading from an account's UI server. Upstream go a few conditional headers and a fresh
 * assertion, never a cookie or whatever else the browser sent; back comes data (proxy/answer.ts).
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
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
import type { Head } from '../proxy/pass-on.ts'
import { type ProxyPath, parseProxyPath, wantsOf } from '../proxy/path.ts'
import { readingOf } from '../proxy/reading.ts'
import { createRecently } from '../proxy/recently.ts'
import type { Upstream } from '../proxy/upstream.ts'

export type ProxyParts = {
  readonly gate: Pick<Gate, 'viewer'>
  readonly servers: Servers
  readonly signer: Pick<Signer, 'assertion' | 'groupsFor'>
  readonly audit: Pick<Audit, 'record'>
  readonly upstream: Upstream
  readonly now: Clock
}

const forwarded = ['accept', 'range', 'if-range', 'if-none-match', 'if-modified-since'] as const

/** One reading is many requests (ranges, tails, repeated searches): it is recorded once per session and file. */
const logReadingLasts = 10 * 60_000

const headersFor = (request: FastifyRequest, assertion: string): Record<string, string> => {
  const headers: Record<string, string> = { authorization: `Bearer ${assertion}` }
  for (const name of forwarded) {
    const value = request.headers[name]
    if (typeof value === 'string') headers[name] = value
  }
  return headers
}

export const proxyRoutes =
  (parts: ProxyParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const { gate, servers, upstream, audit } = parts
    const assertion = createAssertions(parts)
    const readings = createRecently(parts.now, logReadingLasts)

    /** Reading goes on without an audit log; the hub's own log says so. Nothing to wait for where no log is read. */
    const recordReading = (viewer: Viewer, path: ProxyPath, log: Log): Promise<void> | undefined => {
      const { account } = path
      const reading = readingOf(path)
      if (reading === undefined || !readings.isNew(JSON.stringify([viewer.session, account, reading])))
        return undefined
      const { person, session, address } = viewer
      return audit.record({ outcome: 'done', person, session, address, account, ...reading }).then(
        () => undefined,
        (err: unknown) => log.error({ err, account }, 'the reading of logs could not be recorded'),
      )
    }

    /** Of a request whose path was found to be one when the gate asked what it wants. */
    const paths = new WeakMap<FastifyRequest, ProxyPath>()
    const pathOf = (request: FastifyRequest): ProxyPath => {
      const path = paths.get(request) ?? parseProxyPath(request.raw.url ?? '')
      paths.set(request, path)
      return path
    }

    app.route({
      method: ['GET', 'HEAD'],
      url: '/u/:account/*',
      config: { kind: PAGE, tokens: 'readers', wants: (request) => wantsOf(pathOf(request)) },
      handler: async (request, reply) => {
        const viewer = gate.viewer(request)
        const path = pathOf(request)
        const audience = servers.audience(path.account)
        const headers = headersFor(request, await assertion(viewer, path.account, audience))
        const method = request.method === 'HEAD' ? 'HEAD' : 'GET'
        const head: Head = (status, said) => {
          const answer = presentAnswer(status, said)
          if (answer === undefined) {
            request.log.warn({ account: path.account, status }, 'an answer may not be passed on')
            throw new SeneschalError('server.bad-answer')
          }
          const told = { ...reply.getHeaders(), ...answer } as Readonly<Record<string, string>>
          if (status >= 300) return told
          servers.touch(path.account)
          return recordReading(viewer, path, request.log)?.then(() => told) ?? told
        }
        await upstream.pass(
          { audience, method, path: path.target, headers },
          { response: reply.raw, head, take: () => void reply.hijack() },
        )
        return reply
      },
    })
  }
