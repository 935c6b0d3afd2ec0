/** The UI servers' life: one state machine per account over a spawner. */
import type { SpawnSettings } from '../../protocol/agent.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import type { Spawner } from '../../spawners/contract.ts'
import type { Audit, Clock, Log, Servers, Signer } from '../context.ts'
import type { ServerStore } from '../store/servers.ts'

export type ServersParts = {
  readonly spawner: (account: string) => Spawner
  readonly store: ServerStore
  readonly signer: Pick<Signer, 'jwks'>
  /** `iss` of what the hub signs. */
  readonly issuer: string
  readonly audit: Pick<Audit, 'record'>
  readonly now: Clock
  readonly log: Log
  /** As the account's host sees them; `siteDirectories` derives them from the site's root. */
  readonly directories: (account: string) => SpawnSettings['site']
  readonly stateDir?: (account: string) => string | undefined
  readonly idleMinutes: number
  readonly startTimeoutMs?: number
  /** Between two looks at a running server, ms. */
  readonly pollMs?: number
  /** 32 random hex digits. */
  readonly instanceId: () => string
}

/** `recover` adopts the servers that an earlier hub left running; call it once before listening. */
export const createServers = (_parts: ServersParts): Servers & { readonly recover: () => Promise<void> } => {
  throw new SeneschalError('internal')
}
