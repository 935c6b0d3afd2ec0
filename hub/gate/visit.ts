/** One request on its way through the gate, whichever way it came: through Fastify or as a raw upgrade. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Kiosks } from '../auth/kiosks.ts'
import type { ProviderGroups } from '../auth/provider-groups.ts'
import type { Session, Sessions } from '../auth/sessions.ts'
import type { Clock, PolicyView, RequestKind, SiteView, Viewer, Wants } from '../context.ts'
import type { Groups } from '../groups.ts'

export type Visit = {
  readonly kind: RequestKind
  readonly method: string
  readonly headers: IncomingHttpHeaders
  /** A WebSocket handshake. */
  readonly upgrade: boolean
  readonly address: string
  readonly wants: Wants | undefined
  /** Set by the check `session`, the first one. */
  viewer?: Viewer
  session?: Session
}

/** What the checks look at. */
export type GateParts = {
  /** Scheme, host and port by which browsers know the hub. */
  readonly origin: string
  readonly sessions: Pick<Sessions, 'find' | 'byName'>
  readonly kiosks: Pick<Kiosks, 'find' | 'isOpen'>
  readonly groups: Groups
  readonly providerGroups: ProviderGroups
  readonly policy: PolicyView
  readonly site: SiteView
  readonly allowAccountNames: readonly string[]
  readonly now: Clock
}

/** Throws the SeneschalError that refuses the visit. */
export type Check = (visit: Visit, parts: GateParts) => void | Promise<void>

export const changesState = (visit: Visit): boolean => visit.method !== 'GET' && visit.method !== 'HEAD'
