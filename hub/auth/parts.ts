/** What signing in, raising privileges and signing out are made of. */
import type { HubConfig } from '../config.ts'
import type { Audit, Clock, LiveSockets, Log } from '../context.ts'
import type { GateParts } from '../gate/visit.ts'
import type { Database } from '../store/open.ts'
import type { Attempts } from './attempts.ts'
import type { Oidc } from './oidc.ts'
import type { Persons } from './persons.ts'
import type { Sessions } from './sessions.ts'

export type AuthParts = Pick<GateParts, 'policy' | 'site' | 'allowAccountNames'> & {
  readonly config: Pick<HubConfig, 'session' | 'elevation' | 'provider'>
  readonly db: Database
  readonly sessions: Sessions
  readonly persons: Persons
  readonly attempts: Attempts
  readonly oidc: Oidc
  readonly audit: Pick<Audit, 'record'>
  readonly live: Pick<LiveSockets, 'close'>
  readonly now: Clock
  readonly log: Log
}
