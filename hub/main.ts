/** Puts a hub together from its configuration. */
import type { Spawner } from '../spawners/contract.ts'
import type { HubConfig } from './config.ts'

export type HubDeps = {
  /** The spawner that serves an account, made from `config.spawner` by the program that starts the hub. */
  readonly spawner: (account: string) => Spawner
  /** Wall clock, epoch ms. */
  readonly now: () => number
  /** Never set, only runs on, ms. */
  readonly monotonic: () => number
  /** One line of JSON per log record. */
  readonly logTo?: { readonly write: (line: string) => void }
}

export type Hub = {
  readonly listen: () => Promise<{ readonly url: string }>
  readonly close: () => Promise<void>
}

export type CreateHub = (config: HubConfig, deps: HubDeps) => Promise<Hub>
