/** seneschald: takes up requests, runs workflows, writes state, feeds and audit. */
import type { Heartbeat } from '../protocol/feed.ts'
import type { Transport } from '../wire/transport.ts'
import type { AccountConfig, DaemonConfig } from './config.ts'

export type Log = {
  readonly info: (context: Readonly<Record<string, unknown>>, message: string) => void
  readonly warn: (context: Readonly<Record<string, unknown>>, message: string) => void
  readonly error: (context: Readonly<Record<string, unknown>>, message: string) => void
}

export type DaemonDeps = {
  /** Epoch, ms. */
  readonly now: () => number
  readonly log: Log
  /** The uid that the process runs as. */
  readonly uid: number
  /** The way to an account's agent, in the role `daemon`. */
  readonly createTransport: (account: string, config: AccountConfig) => Transport
}

export type Daemon = {
  /** Resolves when state is recovered, workflows run and the inbox is watched. */
  readonly start: () => Promise<void>
  /** Everything is on disk, within two seconds. Jobs go on. */
  readonly stop: () => Promise<void>
  readonly status: () => Pick<Heartbeat, 'state' | 'problem'>
}

export const createDaemon = (_config: DaemonConfig, _deps: DaemonDeps): Daemon => {
  throw new Error('being written')
}
