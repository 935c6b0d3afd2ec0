/** Who am I, and what do the pages need to know of the site. */
import type { FastifyInstance } from 'fastify'
import { rolesOf } from '../../policy/roles.ts'
import type { SessionBody } from '../../protocol/api.ts'
import type { ElevationClass } from '../../protocol/permissions.ts'
import { version } from '../../protocol/version.ts'
import { elevationTerms } from '../auth/elevation-terms.ts'
import type { Sessions } from '../auth/sessions.ts'
import type { ScriptTokens } from '../auth/tokens.ts'
import type { BreakGlass } from '../break-glass/door.ts'
import type { HubConfig } from '../config.ts'
import { type Clock, type Gate, type PolicyView, WALL } from '../context.ts'
import { whoIs } from '../visible.ts'

export type SessionParts = {
  readonly gate: Pick<Gate, 'viewer'>
  readonly sessions: Pick<Sessions, 'byName'>
  readonly tokens: Pick<ScriptTokens, 'byName'>
  readonly breakGlass: Pick<BreakGlass, 'doors'>
  readonly policy: PolicyView
  readonly config: Pick<HubConfig, 'title' | 'demo' | 'elevation' | 'provider'>
  readonly now: Clock
}

export const sessionRoutes =
  (parts: SessionParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const { config } = parts
    const { title, demo } = config
    const terms = (raised: ElevationClass) => {
      const { longest, reasonRequired, acrValues } = elevationTerms(parts, raised)
      return { longest, reasonRequired, stronger: acrValues !== undefined }
    }
    app.get(
      '/api/session',
      { config: { kind: WALL, tokens: 'also wall' } },
      async (request, reply): Promise<SessionBody> => {
        const viewer = parts.gate.viewer(request)
        const session = viewer.kind === 'person' ? await parts.sessions.byName(viewer.session) : undefined
        const token = viewer.kind === 'token' ? await parts.tokens.byName(viewer.session) : undefined
        const snapshot = parts.policy.snapshot()
        // A token has none of its person's offices.
        const roles =
          snapshot === undefined || viewer.kind === 'token' ? [] : rolesOf(snapshot, whoIs(viewer))
        const doors = parts.breakGlass
          .doors()
          .filter(({ session }) => session === viewer.session || roles.includes('admin'))
          .map(({ session, person, until }) => ({ person, until, own: session === viewer.session }))
        reply.header('cache-control', 'no-store')
        return {
          person: viewer.person,
          name: viewer.name,
          groups: viewer.groups,
          csrf: session?.csrf ?? '',
          elevation: viewer.elevation,
          kiosk: viewer.kind === 'kiosk' ? viewer.name : null,
          ...(token === undefined ? {} : { token: token.row }),
          roles,
          ...(doors.length === 0 ? {} : { breakGlass: doors }),
          site: { title, version, elevation: { execute: terms('execute'), write: terms('write') }, demo },
          now: parts.now(),
        }
      },
    )
  }
