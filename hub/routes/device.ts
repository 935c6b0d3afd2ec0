/** Signing in and raising privileges from a command line, in three steps: begin, wait at the provider, fetch. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod/mini'
import { milliseconds } from '../../config/schemas.ts'
import { type DeviceAnswer, deviceFetch, deviceRaise } from '../../protocol/api.ts'
import { asSeneschalError, SeneschalError } from '../../protocol/errors.ts'
import { closeCodes } from '../../protocol/frames.ts'
import { commandLineDevice } from '../../protocol/sessions.ts'
import type { AddressOf } from '../address.ts'
import { readCookie, sessionCookie, setCookie } from '../auth/cookies.ts'
import type { DeviceEnd, Devices } from '../auth/device.ts'
import { finishElevation, recordNotRaised } from '../auth/elevation.ts'
import { checkedReason, elevationTerms } from '../auth/elevation-terms.ts'
import type { AuthParts } from '../auth/parts.ts'
import type { Session } from '../auth/sessions.ts'
import { finishSignIn, recordRefusal } from '../auth/sign-in.ts'
import type { HubConfig } from '../config.ts'
import { CHANGE, type Gate, PUBLIC } from '../context.ts'
import { parseBody } from '../parse.ts'

export type DeviceRoutesParts = AuthParts & {
  readonly devices: Devices
  readonly commandLine: HubConfig['commandLine']
  readonly gate: Pick<Gate, 'viewer'>
  readonly addressOf: AddressOf
  readonly perMinute: number
}

const nothing = z.strictObject({})

export const deviceRoutes =
  (parts: DeviceRoutesParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const { devices, sessions, live, commandLine } = parts
    const limited = { rateLimit: { max: parts.perMinute, timeWindow: 60_000 } }

    const mustBeOpen = () => {
      if (!commandLine.enabled)
        throw new SeneschalError('route.unknown', 'This site lets nobody sign in from a command line.')
    }
    const keep = (reply: FastifyReply, cookie: string, until: number) =>
      reply
        .header('cache-control', 'no-store')
        .header('set-cookie', setCookie(sessionCookie, cookie, (until - parts.now()) / 1000))

    app.post(
      '/auth/device',
      { config: { kind: PUBLIC, ...limited } },
      async (request): Promise<DeviceAnswer> => {
        mustBeOpen()
        parseBody(nothing, request.body ?? {})
        return devices.begin({ kind: 'sign-in' })
      },
    )

    app.post(
      '/auth/device/raise',
      { config: { kind: CHANGE, ...limited } },
      async (request): Promise<DeviceAnswer> => {
        mustBeOpen()
        const body = parseBody(deviceRaise, request.body)
        const { session } = parts.gate.viewer(request)
        const terms = elevationTerms(parts, body.class)
        return devices.begin({
          kind: 'elevation',
          session,
          class: body.class,
          reason: checkedReason(terms, body.reason),
          duration: body.minutes === undefined ? null : body.minutes * 60_000,
          acrValues: terms.acrValues,
        })
      },
    )

    const ownSession = async (request: FastifyRequest): Promise<Session | undefined> => {
      const cookie = readCookie(request.headers.cookie, sessionCookie)
      return cookie.is === 'given' ? sessions.find(cookie.value) : undefined
    }

    const signIn = async (request: FastifyRequest, reply: FastifyReply, end: DeviceEnd) => {
      const address = parts.addressOf(request.raw)
      try {
        const made = await finishSignIn(parts, end.identity, await ownSession(request), address, {
          maxAge: milliseconds(commandLine.maxAge),
          tail: 'on the command line',
          device: commandLineDevice,
        })
        return keep(reply, made.cookie, made.session.expiresAt).code(200).send({ state: 'done' })
      } catch (thrown) {
        await recordRefusal(parts, thrown, address, end.identity)
        throw thrown
      }
    }

    const raise = async (
      request: FastifyRequest,
      reply: FastifyReply,
      session: Session,
      wish: Extract<DeviceEnd['wish'], { kind: 'elevation' }>,
      device: string,
    ) => {
      const address = parts.addressOf(request.raw)
      const asked = { class: wish.class, reason: wish.reason, duration: wish.duration }
      let end: DeviceEnd | undefined
      try {
        end = await devices.end(device)
        if (end === undefined) return reply.code(202).send({ state: 'waiting' })
        const cookie = await finishElevation(
          parts,
          { ...asked, elapsed: end.elapsed },
          end.identity,
          session,
          address,
        )
        live.close((socket) => socket.session === session.name, closeCodes.sessionReplaced)
        return keep(reply, cookie, session.expiresAt).code(200).send({ state: 'done' })
      } catch (thrown) {
        await recordNotRaised(parts, thrown, session, asked, address)
        throw thrown
      }
    }

    app.post('/auth/device/token', { config: { kind: PUBLIC, ...limited } }, async (request, reply) => {
      mustBeOpen()
      reply.header('cache-control', 'no-store')
      const { device } = parseBody(deviceFetch, request.body)
      const wish = devices.wishOf(device)
      if (wish.kind === 'elevation') {
        const session = await ownSession(request)
        if (session === undefined) throw new SeneschalError('session.ended')
        if (session.name !== wish.session) throw new SeneschalError('auth.state-invalid')
        return raise(request, reply, session, wish, device)
      }
      let end: DeviceEnd | undefined
      try {
        end = await devices.end(device)
      } catch (thrown) {
        await recordRefusal(parts, asSeneschalError(thrown), parts.addressOf(request.raw), undefined)
        throw thrown
      }
      return end === undefined ? reply.code(202).send({ state: 'waiting' }) : signIn(request, reply, end)
    })
  }
