/** Stored servers: written before anything is launched, so that a killed hub finds what it started. */
import type { Handle } from '../../spawners/contract.ts'

export type StoredServer = {
  readonly account: string
  readonly state: 'starting' | 'on'
  readonly instance: string
  readonly host: string | null
  /** Null until it is decided where: nothing was launched yet. */
  readonly handle: Handle | null
  /** Epoch, ms. */
  readonly since: number
}

export type ServerStore = {
  readonly all: () => Promise<readonly StoredServer[]>
  readonly put: (server: StoredServer) => Promise<void>
  readonly remove: (account: string) => Promise<void>
}
