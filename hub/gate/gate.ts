/** Runs the table: as Fastify hooks for what Fastify serves, as a function for raw upgrades. */
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { asSeneschalError, SeneschalError } from '../../protocol/errors.ts'
import type { AddressOf } from '../address.ts'
import {
  type Audit,
  type Gate,
  type Log,
  type RequestKind,
  STREAM,
  type Viewer,
  type Wants,
} from '../context.ts'
import { keptOut } from './checks/admitted.ts'
import { personNow } from './checks/session.ts'
import { tokenViewer } from './checks/token.ts'
import { atTheDoor, recorded, withTheBody } from './table.ts'
import type { GateParts, Visit } from './visit.ts'

export type CreateGateParts = GateParts & {
  readonly audit: Pick<Audit, 'record'>
  readonly addressOf: AddressOf
  readonly log: Log
}

export type HubGate = Gate & {
  /** Puts the gate in front of all routes that are registered later; one without a kind cannot be. */
  readonly guard: (app: FastifyInstance) => void
  /** Every route that was registered behind it. */
  readonly routes: () => readonly GuardedRoute[]
}
export type GuardedRoute = { readonly method: string; readonly url: string; readonly kind: RequestKind }

const run = async (rows: typeof atTheDoor, visit: Visit, parts: GateParts): Promise<void> => {
  for (const [, check, kinds] of rows) {
    if ((visit.kind & kinds) === 0) continue
    // Most checks need not wait, and each turn of the loop that they do not take is somebody else's.
    const waiting = check(visit, parts)
    if (waiting !== undefined) await waiting
  }
}

/** What was wanted, for the record; nothing where it was too malformed to say. */
const wantsOf = (visit: Visit): Wants | undefined => {
  try {
    return visit.wants
  } catch (thrown) {
    if (thrown instanceof SeneschalError) return undefined
    throw thrown
  }
}

export const createGate = (parts: CreateGateParts): HubGate => {
  const visits = new WeakMap<FastifyRequest, Visit>()
  const routes: GuardedRoute[] = []

  const refuse = async (visit: Visit, thrown: unknown): Promise<never> => {
    const error = asSeneschalError(thrown)
    const { viewer } = visit
    const wants = wantsOf(visit)
    if ((visit.kind & recorded) !== 0 && viewer !== undefined)
      await parts.audit
        .record({
          event: 'action.refused',
          outcome: 'refused',
          code: error.code,
          reason: error.detail?.slice(0, 1000) ?? null,
          person: viewer.person,
          session: viewer.session,
          address: viewer.address,
          account: wants?.account ?? null,
          workflow: wants?.workflow ?? null,
          cycle: wants?.cycle ?? null,
          task: wants?.task ?? null,
          action: wants?.action ?? null,
        })
        // It is refused either way; what cannot be recorded at least stands in the log.
        .catch((cause: unknown) => parts.log.error({ err: cause, code: error.code }, 'refusal not recorded'))
    throw error
  }

  const current = async (viewer: Viewer): Promise<Pick<Visit, 'viewer' | 'session'> | undefined> => {
    if (viewer.kind === 'kiosk') return (await parts.kiosks.isOpen(viewer.person)) ? { viewer } : undefined
    if (viewer.kind === 'token') {
      const token = await parts.tokens.byName(viewer.session)
      if (token === undefined || keptOut(viewer, parts) !== undefined) return undefined
      return { viewer: await tokenViewer(token, viewer.address, parts) }
    }
    const session = await parts.sessions.byName(viewer.session)
    if (session === undefined || keptOut(viewer, parts) !== undefined) return undefined
    return personNow(session, viewer.address, parts)
  }

  /** The viewer that the checks put there; without one no check ran. */
  const viewerOf = (visit: Visit | undefined): Viewer => {
    if (visit?.viewer !== undefined) return visit.viewer
    throw new SeneschalError('internal', undefined, { cause: new Error('no viewer: the route is public') })
  }

  const enter = (request: FastifyRequest): Visit => {
    const { kind } = request.routeOptions.config
    if (kind === undefined) throw new SeneschalError('route.unknown')
    let wants: Wants | undefined
    return {
      kind,
      method: request.method,
      headers: request.headers,
      tokens: request.routeOptions.config.tokens,
      upgrade: request.headers.upgrade !== undefined,
      address: parts.addressOf(request.raw),
      get wants() {
        wants ??= request.routeOptions.config.wants?.(request)
        return wants
      },
    }
  }

  return {
    routes: () => routes,
    guard: (app) => {
      app.addHook('onRoute', (route) => {
        const kind = route.config?.kind
        if (kind === undefined)
          throw new Error(`the route ${String(route.method)} ${route.url} does not say its kind`)
        for (const method of [route.method].flat()) routes.push({ method, url: route.url, kind })
      })
      app.addHook('onRequest', async (request) => {
        if (request.is404) return
        const visit = enter(request)
        visits.set(request, visit)
        await run(atTheDoor, visit, parts).catch((thrown: unknown) => refuse(visit, thrown))
      })
      app.addHook('preValidation', async (request) => {
        const visit = visits.get(request)
        if (visit !== undefined)
          await run(withTheBody, visit, parts).catch((thrown: unknown) => refuse(visit, thrown))
      })
    },
    viewer: (request) => viewerOf(visits.get(request)),
    again: async (request) => {
      const visit = visits.get(request)
      const now = await current(viewerOf(visit))
      if (visit === undefined || now === undefined) throw new SeneschalError('session.ended')
      Object.assign(visit, now)
      await run(withTheBody, visit, parts)
      return viewerOf(visit)
    },
    passUpgrade: async (request: IncomingMessage, wants: Wants): Promise<Viewer> => {
      const visit: Visit = {
        kind: STREAM,
        method: request.method ?? '',
        headers: request.headers,
        tokens: 'readers',
        upgrade: true,
        address: parts.addressOf(request),
        wants,
      }
      try {
        await run(atTheDoor, visit, parts)
        await run(withTheBody, visit, parts)
      } catch (thrown) {
        return refuse(visit, thrown)
      }
      return viewerOf(visit)
    },
    current: async (viewer) => (await current(viewer))?.viewer,
  }
}
