/** Who am I, and what do the pages need to know of the site. */
import type { FastifyInstance } from 'fastify'
import { milliseconds } from '../../config/schemas.ts'
import { rolesOf } from '../../policy/roles.ts'
import type { SessionBody } from '../../protocol/api.ts'
import { version } from '../../protocol/version.ts'
import type { Sessions } from '../auth/sessions.ts'
import type { HubConfig } from '../config.ts'
import { type Clock, type Gate, type PolicyView, WALL } from '../context.ts'
import { whoIs } from '../visible.ts'

export type SessionParts = {
  readonly gate: Pick<Gate, 'viewer'>
  readonly sessions: Pick<Sessions, 'byName'>
  readonly policy: PolicyView
  readonly config: Pick<HubConfig, 'title' | 'demo' | 'elevation'>
  readonly now: Clock
}

export const sessionRoutes =
  (parts: SessionParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const { config } = parts
    const site = {
      title: config.title,
      version,
      elevationMs: milliseconds(config.elevation.duration),
      reasonRequired: config.elevation.reasonRequired,
      demo: config.demo,
    }
    app.get('/api/session', { config: { kind: WALL } }, async (request, reply): Promise<SessionBody> => {
      const viewer = parts.gate.viewer(request)
      const session = viewer.kind === 'person' ? await parts.sessions.byName(viewer.session) : undefined
      const snapshot = parts.policy.snapshot()
      reply.header('cache-control', 'no-store')
      return {
        person: viewer.person,
        name: viewer.name,
        groups: viewer.groups,
        csrf: session?.csrf ?? '',
        elevation: viewer.elevation,
        kiosk: viewer.kind === 'kiosk' ? viewer.name : null,
        roles: snapshot === undefined ? [] : rolesOf(snapshot, whoIs(viewer)),
        site,
        now: parts.now(),
      }
    })
  }
