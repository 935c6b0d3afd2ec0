/** One request on its way through the gate, whichever way it came: through Fastify or as a raw upgrade. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Kiosks } from '../auth/kiosks.ts'
import type { ProviderGroups } from '../auth/provider-groups.ts'
import type { Session, Sessions } from '../auth/sessions.ts'
import type { TokenUse } from '../auth/token-use.ts'
import type { ScriptTokens } from '../auth/tokens.ts'
import type { Clock, PolicyView, RequestKind, SiteView, TokensTaken, Viewer, Wants } from '../context.ts'
import type { Groups } from '../groups.ts'

export type Visit = {
  readonly kind: RequestKind
  readonly method: string
  readonly headers: IncomingHttpHeaders
  /** Whether tokens of scripts may read this. */
  readonly tokens: TokensTaken | undefined
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
  readonly sessions: Pick<Sessions, 'find' | 'byName' | 'still'>
  readonly kiosks: Pick<Kiosks, 'find' | 'isOpen'>
  readonly tokens: Pick<ScriptTokens, 'find' | 'byName'>
  readonly tokenUse: Pick<TokenUse, 'count' | 'note' | 'refused'>
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
