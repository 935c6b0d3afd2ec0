/** What a rule of the installation is: one thing that must hold, what is wrong where it does not, what would mend it. */
import type { Stats } from 'node:fs'
import type { AccountIds, Lookup, ResolvedAccounts } from '../accounts.ts'
import type { DaemonConfig } from '../config.ts'
import type { SiteLayout } from '../layout.ts'

export type Level = 'error' | 'warning'

export type Finding = {
  readonly rule: string
  /** The daemon does not start with an error. */
  readonly level: Level
  /** One sentence. */
  readonly what: string
  /** A command for root's shell, or a sentence where no command mends it. */
  readonly mend: string
}

export type CheckContext = {
  readonly config: DaemonConfig
  /** The file that it was read from; undefined where there was none. */
  readonly configFile: string | undefined
  readonly layout: SiteLayout
  /** The service account, by its ids and its entry in the system's list of users. */
  readonly self: AccountIds
  readonly selfName: string
  readonly passwd: readonly string[] | undefined
  readonly resolved: ResolvedAccounts
  readonly lookup: Lookup
  /** Follows no link; undefined where nothing is there. Throws where it cannot be looked at. */
  readonly look: (path: string) => Promise<Stats | undefined>
  /** What /proc/self/mountinfo says of the filesystem that a path lies on. */
  readonly mountOf: (path: string) => Promise<Mount | undefined>
  /** Ids of all groups that a user is in. */
  readonly groupsOf: (user: string) => Promise<readonly string[]>
  readonly hasProgram: (name: string) => Promise<boolean>
}

export type Mount = {
  readonly point: string
  readonly type: string
  readonly options: ReadonlySet<string>
}

/** Resolves to what is wrong; nothing where it holds. */
export type Rule = {
  readonly name: string
  /** What must hold, as docs/daemon.md has it. */
  readonly says: string
  readonly look: (context: CheckContext) => Promise<readonly Omit<Finding, 'rule'>[]>
}

export const octal = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, '0')

/** For a shell: names of files are anybody's. */
export const quoted = (word: string): string =>
  /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
