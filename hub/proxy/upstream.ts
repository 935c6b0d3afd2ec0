/**
 * HTTP to UI servers: one undici agent whose connections are streams that the spawner dials. Each origin stands for
 * one incarnation of a server, so that no connection to an earlier one is ever used again.
 */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Agent, type Dispatcher, errors } from 'undici'
import { isErrorCode, SeneschalError } from '../../protocol/errors.ts'
import type { Servers } from '../context.ts'
import { passOn, type Reader } from './pass-on.ts'

export type UpstreamRequest = {
  /** `account/instance`, as the assertion in the headers has it. */
  readonly audience: string
  readonly method: 'GET' | 'HEAD' | 'POST'
  /** Path and query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal: AbortSignal
}

export type Upstream = {
  /**
   * Resolves with the head of the answer, its body still to be read. Rejects with `server.off`, `server.starting`,
   * `server.timeout`, `tunnel.closed` or what dialling rejects with; with the signal's reason once that is aborted.
   */
  readonly request: (request: UpstreamRequest) => Promise<Dispatcher.ResponseData>
  /** Gives the answer to a browser; see `passOn`. Rejects as `request` does, or with what its `head` threw. */
  readonly pass: (
    request: Pick<UpstreamRequest, 'audience' | 'path' | 'headers'> & { readonly method: 'GET' | 'HEAD' },
    reader: Reader,
  ) => Promise<void>
  readonly close: () => Promise<void>
}

/** In hex with a letter before it: URLs lower-case host names, and take all-digit ones for addresses. */
const originOf = (audience: string): string => `http://s${Buffer.from(audience).toString('hex')}`
const audienceOf = (hostname: string): string => Buffer.from(hostname.slice(1), 'hex').toString()
const accountOf = (audience: string): string => audience.slice(0, audience.indexOf('/'))

/** UI servers send heads at once, also of what takes long; one that hangs is told from one that works, ms. */
const headTimeout = 15_000
const silenceTimeout = 60_000
const dialTimeout = 10_000

/** undici's and Node's errors as ours; they are told by class and code. */
const mapped = (thrown: unknown): SeneschalError => {
  if (thrown instanceof SeneschalError) return thrown
  const options = { cause: thrown }
  if (thrown instanceof errors.HeadersTimeoutError || thrown instanceof errors.BodyTimeoutError)
    return new SeneschalError('server.timeout', undefined, options)
  if (thrown instanceof errors.HTTPParserError || thrown instanceof errors.HeadersOverflowError)
    return new SeneschalError('server.bad-answer', undefined, options)
  if (thrown instanceof Error && 'code' in thrown && isErrorCode(thrown.code))
    return new SeneschalError(thrown.code, undefined, options)
  return new SeneschalError('tunnel.closed', undefined, options)
}

export const createUpstream = (parts: { readonly servers: Servers }): Upstream => {
  const { servers } = parts
  const dial = async (audience: string, signal: AbortSignal): Promise<Duplex> => {
    const account = accountOf(audience)
    if (servers.audience(account) !== audience) throw new SeneschalError('server.off')
    return await servers.dial(account, signal)
  }
  const agent = new Agent({
    connections: null,
    headersTimeout: headTimeout,
    bodyTimeout: silenceTimeout,
    maxHeaderSize: 16 * 1024,
    connect: ({ hostname }, done) => {
      const signal = AbortSignal.timeout(dialTimeout)
      dial(audienceOf(hostname), signal).then(
        // undici's types ask for a socket; it uses no more of it than any stream has.
        (stream) => done(null, stream as Socket),
        (thrown: unknown) =>
          done(signal.aborted ? new SeneschalError('server.timeout') : mapped(thrown), null),
      )
    },
  })

  /** Another try where a kept connection ended just now: a fresh one tells whether the server did. */
  const withRetry = async <T>(
    audience: string,
    method: UpstreamRequest['method'],
    /** The reason, once nobody waits for the answer. */
    gone: () => unknown,
    ask: () => Promise<T>,
  ): Promise<T> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await ask()
      } catch (thrown) {
        const left = gone()
        if (left !== undefined) throw left
        // It answered, and it was the hub that would not have the answer.
        if (thrown instanceof SeneschalError && thrown.code === 'server.bad-answer') throw thrown
        const stale = thrown instanceof errors.SocketError && method !== 'POST'
        if (stale && attempt === 1) continue
        servers.suspect(accountOf(audience))
        throw mapped(thrown)
      }
    }
  }

  return {
    request: ({ audience, ...request }) =>
      withRetry(
        audience,
        request.method,
        () => (request.signal.aborted ? request.signal.reason : undefined),
        () => agent.request({ ...request, origin: originOf(audience) }),
      ),
    pass: ({ audience, method, path, headers }, reader) =>
      withRetry(
        audience,
        method,
        () => (reader.response.destroyed ? new SeneschalError('lost.connection') : undefined),
        () => passOn(agent, { origin: originOf(audience), method, path, headers }, reader),
      ),
    close: () => agent.destroy(),
  }
}
