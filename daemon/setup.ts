/** Creates the site's directories with their modes, and refuses what is unsafe. */
import type { DaemonConfig } from './config.ts'

export type SetupReport = {
  /** What was created or put right, a sentence each. */
  readonly done: readonly string[]
  /** What an administrator has to change, a sentence each. Not empty = the daemon does not start. */
  readonly problems: readonly string[]
  /** Accounts that cannot be served, and why. */
  readonly accounts: Readonly<Record<string, string>>
}

export const setupSite = async (_config: DaemonConfig, _uid: number): Promise<SetupReport> => {
  throw new Error('being written')
}
