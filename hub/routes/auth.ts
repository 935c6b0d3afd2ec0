/** Signing in and out, raising and dropping privileges. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { milliseconds } from '../../config/schemas.ts'
import { elevateBody } from '../../protocol/api.ts'
import { asSeneschalError, SeneschalError } from '../../protocol/errors.ts'
import { closeCodes } from '../../protocol/frames.ts'
import type { AddressOf } from '../address.ts'
import type { Attempt } from '../auth/attempts.ts'
import { browserCookie, clearCookie, readCookie, sessionCookie, setCookie } from '../auth/cookies.ts'
import { finishElevation, recordNotRaised, startElevation } from '../auth/elevation.ts'
import type { Identity } from '../auth/identity.ts'
import type { AuthParts } from '../auth/parts.ts'
import { localPath, withQuery } from '../auth/return-path.ts'
import { hashOf, isSecret, newSecret } from '../auth/secrets.ts'
import type { Session } from '../auth/sessions.ts'
import { finishSignIn, recordRefusal } from '../auth/sign-in.ts'
import { backChannelLogout, farewell, noteFallBack } from '../auth/sign-out.ts'
import { CHANGE, type Gate, PUBLIC } from '../context.ts'
import { parseBody } from '../parse.ts'

export type AuthRoutesParts = AuthParts & {
  readonly gate: Pick<Gate, 'viewer'>
  readonly addressOf: AddressOf
  /** Sign-ins and elevations per address and minute. */
  readonly perMinute: number
}

/** A sign-in must be finished within ten minutes, seconds. */
const browserCookieAge = 600

/** People get a page of ours that says what went wrong, programs the error itself. */
const wantsPage = (request: FastifyRequest): boolean => request.headers.accept?.includes('text/html') ?? false

const queryOf = (request: FastifyRequest): string => {
  const at = request.url.indexOf('?')
  return at === -1 ? '' : request.url.slice(at)
}

export const authRoutes =
  (parts: AuthRoutesParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const { gate, sessions, attempts, oidc, live, addressOf } = parts
    const limited = { rateLimit: { max: parts.perMinute, timeWindow: 60_000 } }

    const ownSession = async (request: FastifyRequest): Promise<Session | undefined> => {
      const cookie = readCookie(request.headers.cookie, sessionCookie)
      return cookie.is === 'given' ? sessions.find(cookie.value) : undefined
    }
    const keep = (reply: FastifyReply, cookie: string, until: number) =>
      reply.header('set-cookie', setCookie(sessionCookie, cookie, (until - parts.now()) / 1000))

    const failed = (request: FastifyRequest, reply: FastifyReply, thrown: unknown, path = '/') => {
      if (!wantsPage(request)) throw thrown
      const error = asSeneschalError(thrown)
      request.log.info({ code: error.code, err: error.cause ?? error }, 'sign-in did not succeed')
      return reply.redirect(withQuery(path, 'signin', error.code), 303)
    }

    app.get('/auth/login', { config: { kind: PUBLIC, ...limited } }, async (request, reply) => {
      const given = readCookie(request.headers.cookie, browserCookie)
      // Kept where there is one, so that two tabs may sign in at once.
      const browser = given.is === 'given' && isSecret(given.value) ? given.value : newSecret()
      const returnPath = localPath((request.query as { return?: unknown }).return)
      reply.header('cache-control', 'no-store')
      try {
        const attempt = await attempts.start({
          kind: 'sign-in',
          bound_to: hashOf(browser),
          class: null,
          reason: null,
          duration: null,
          return_path: returnPath,
        })
        const location = await oidc.authorizationUrl(attempt, undefined)
        reply.header('set-cookie', setCookie(browserCookie, browser, browserCookieAge))
        return reply.redirect(location, 303)
      } catch (thrown) {
        return failed(request, reply, thrown, returnPath)
      }
    })

    /** The attempt that this browser, or this session, started; anybody else's is used up all the same. */
    const takeAttempt = async (
      request: FastifyRequest,
      session: Session | undefined,
    ): Promise<TakenAttempt> => {
      const { state } = request.query as { state?: unknown }
      const attempt = typeof state === 'string' ? await attempts.take(state) : undefined
      if (attempt === undefined || typeof state !== 'string') throw new SeneschalError('auth.state-invalid')
      if (attempt.kind === 'elevation') {
        if (session === undefined) throw new SeneschalError('session.ended')
        if (attempt.bound_to !== session.name) throw new SeneschalError('auth.state-invalid')
        return { attempt, state, session }
      }
      const browser = readCookie(request.headers.cookie, browserCookie)
      if (browser.is !== 'given' || hashOf(browser.value) !== attempt.bound_to)
        throw new SeneschalError('auth.state-invalid')
      return { attempt, state, session: undefined }
    }

    const raise = async (
      request: FastifyRequest,
      reply: FastifyReply,
      { attempt, state }: TakenAttempt,
      session: Session,
    ) => {
      const address = addressOf(request.raw)
      try {
        const identity = await oidc.exchange(queryOf(request), { ...attempt, state })
        const cookie = await finishElevation(
          parts,
          { ...attempt, elapsed: parts.now() - attempt.created_at },
          identity,
          session,
          address,
        )
        // Only once the browser has the new cookie: the sockets come back with it.
        reply.raw.once('finish', () =>
          live.close((socket) => socket.session === session.name, closeCodes.sessionReplaced),
        )
        return keep(reply, cookie, session.expiresAt).redirect(attempt.return_path, 303)
      } catch (thrown) {
        await recordNotRaised(parts, thrown, session, attempt, address)
        if (!wantsPage(request)) throw thrown
        const error = asSeneschalError(thrown)
        request.log.info({ code: error.code, err: error.cause ?? error }, 'privileges were not raised')
        return reply.redirect(withQuery(attempt.return_path, 'elevation', error.code), 303)
      }
    }

    app.get('/auth/callback', { config: { kind: PUBLIC, ...limited } }, async (request, reply) => {
      reply.header('cache-control', 'no-store')
      const address = addressOf(request.raw)
      const before = await ownSession(request)
      let identity: Identity | undefined
      try {
        const taken = await takeAttempt(request, before)
        if (taken.session !== undefined) return await raise(request, reply, taken, taken.session)
        identity = await oidc.exchange(queryOf(request), { ...taken.attempt, state: taken.state })
        const made = await finishSignIn(parts, identity, before, address, {
          maxAge: milliseconds(parts.config.session.maxAge),
          device: request.headers['user-agent'] ?? null,
        })
        return keep(reply, made.cookie, made.session.expiresAt).redirect(taken.attempt.return_path, 303)
      } catch (thrown) {
        if (reply.sent) throw thrown
        await recordRefusal(parts, thrown, address, identity)
        return failed(request, reply, thrown)
      }
    })

    app.post('/auth/elevate', { config: { kind: CHANGE, ...limited } }, async (request) => {
      const body = parseBody(elevateBody, request.body)
      const location = await startElevation(parts, gate.viewer(request).session, {
        class: body.class,
        reason: body.reason,
        duration: body.minutes === undefined ? null : body.minutes * 60_000,
        returnPath: localPath(body.return),
      })
      return { location }
    })

    app.delete('/auth/elevation', { config: { kind: CHANGE } }, async (request, reply) => {
      const viewer = gate.viewer(request)
      const session = await sessions.byName(viewer.session)
      if (session?.elevation == null) return reply.code(204).send()
      const cookie = await sessions.drop(session.name)
      if (cookie === undefined) throw new SeneschalError('session.ended')
      await noteFallBack(parts, [session], { event: 'elevation.dropped', address: viewer.address })
      return keep(reply, cookie, session.expiresAt).code(204).send()
    })

    app.post('/auth/logout', { config: { kind: CHANGE } }, async (request, reply) => {
      const viewer = gate.viewer(request)
      const ended = await sessions.end({ name: viewer.session })
      await farewell(parts, ended, { event: 'session.signed-out', address: viewer.address })
      reply.header('set-cookie', clearCookie(sessionCookie))
      return { location: (await oidc.endSessionUrl(ended[0]?.idToken ?? null)) ?? '/' }
    })

    await app.register(async (form) => {
      form.addContentTypeParser(
        'application/x-www-form-urlencoded',
        { parseAs: 'string', bodyLimit: 65_536 },
        (_request, body, done) => done(null, new URLSearchParams(String(body))),
      )
      form.post('/auth/backchannel-logout', { config: { kind: PUBLIC } }, async (request, reply) => {
        const token = request.body instanceof URLSearchParams ? request.body.get('logout_token') : null
        if (token === null) throw new SeneschalError('auth.logout-token-invalid')
        await backChannelLogout(parts, token, addressOf(request.raw))
        return reply.header('cache-control', 'no-store').code(200).send()
      })
    })
  }

type TakenAttempt = {
  readonly attempt: Attempt
  readonly state: string
  /** The session to raise; undefined for a sign-in. */
  readonly session: Session | undefined
}
