/** Creates the site's directories with their modes, and refuses what is unsafe. */
import { chmod, chown, lstat, mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ensureDir, errnoOf } from '../durable/files.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { type AccountIds, type Lookup, resolveAccounts, resolveHubGroup } from './accounts.ts'
import { checkInstallation } from './check/check.ts'
import type { DaemonConfig } from './config.ts'
import { sharedDirectories } from './directories.ts'
import { accountFeedMode, siteFeedMode, siteLayout } from './layout.ts'

export type SetupReport = {
  /** What was created or put right, a sentence each. */
  readonly done: readonly string[]
  /** What an administrator has to change, a sentence each. Not empty = the daemon does not start. */
  readonly problems: readonly string[]
  /** Accounts that cannot be served, and why. */
  readonly accounts: Readonly<Record<string, string>>
}

/** Writable by the account's group; what is written there keeps that group, so that the daemon may read it. */
const jobEventsMode = 0o2770

const wordsOf = (thrown: unknown): string =>
  thrown instanceof SeneschalError
    ? (thrown.detail ?? thrown.message)
    : `${errnoOf(thrown) ?? 'error'}: ${thrown instanceof Error ? thrown.message : String(thrown)}`

const ensure = async (
  path: string,
  mode: number,
  self: AccountIds,
  done: string[],
  gid?: number,
): Promise<void> => {
  const before = await lstat(path).catch((thrown: unknown) => {
    if (errnoOf(thrown) === 'ENOENT') return undefined
    throw thrown
  })
  const isRoot = process.geteuid?.() === 0
  if (before !== undefined && before.uid !== self.uid && !isRoot)
    throw new SeneschalError('config.invalid', `${path} belongs to uid ${before.uid}, not to the daemon.`)
  await ensureDir(path, { mode, ...(gid === undefined ? {} : { gid }) })
  if (isRoot && (await stat(path)).uid !== self.uid) {
    await chown(path, self.uid, gid ?? self.gid)
    await chmod(path, mode)
  }
  const after = await stat(path)
  const octal = `${path} with mode ${(after.mode & 0o7777).toString(8).padStart(4, '0')}`
  if (before === undefined) done.push(`created ${octal}`)
  else if (before.mode !== after.mode || before.gid !== after.gid || before.uid !== after.uid)
    done.push(`put right ${octal}`)
}

/** What nobody but the daemon depends on. */
const ensureShared = async (config: DaemonConfig, self: AccountIds, done: string[]): Promise<void> => {
  for (const { path, mode, gid } of sharedDirectories(config.root))
    await ensure(path, mode, self, done, gid ?? self.gid)
}

/** Summaries of hidden workflows, audit records and the whole policy: not for every login user. */
const ensureSiteFeed = async (
  config: DaemonConfig,
  self: AccountIds,
  done: string[],
  lookup?: Lookup,
): Promise<void> => {
  const gid = await resolveHubGroup(config, self, lookup)
  try {
    await ensure(siteLayout(config.root).siteFeed, siteFeedMode, self, done, gid)
  } catch (thrown) {
    if (errnoOf(thrown) !== 'EPERM') throw thrown
    throw new SeneschalError(
      'config.invalid',
      `The daemon may not give its feed to group ${config.hubGroup}: make its user a member of that group.`,
    )
  }
}

const ensureAccount = async (
  config: DaemonConfig,
  account: string,
  gid: number,
  self: AccountIds,
  done: string[],
): Promise<string | undefined> => {
  const at = siteLayout(config.root)
  try {
    await ensure(at.accountFeed(account), accountFeedMode, self, done, gid)
    await ensure(at.jobEvents(account), jobEventsMode, self, done, gid)
    return undefined
  } catch (thrown) {
    if (errnoOf(thrown) === 'EPERM')
      return `The daemon may not give directories to group ${gid}: make its user a member of that group.`
    return wordsOf(thrown)
  }
}

const also = (lookup: Lookup | undefined) => (lookup === undefined ? {} : { lookup })

/** Idempotent. `self` = the ids that the daemon runs with. */
export const prepareSite = async (
  config: DaemonConfig,
  self: AccountIds,
  lookup?: Lookup,
  configFile?: string,
): Promise<SetupReport & { readonly resolved: Awaited<ReturnType<typeof resolveAccounts>> }> => {
  const done: string[] = []
  const problems: string[] = []
  if (self.uid === 0 && !config.unsafeSingleUser)
    problems.push('The daemon does not run as root: give it a user of its own.')
  const resolved = await resolveAccounts(config, self, lookup)
  const accounts: Record<string, string> = Object.fromEntries(resolved.problems)
  if (problems.length > 0) return { done, problems, accounts, resolved }
  try {
    await mkdir(dirname(config.root), { recursive: true })
    await ensureShared(config, self, done)
    await ensureSiteFeed(config, self, done, lookup)
  } catch (thrown) {
    problems.push(wordsOf(thrown))
    return { done, problems, accounts, resolved }
  }
  for (const [account, { gid }] of resolved.ids) {
    const problem = await ensureAccount(config, account, gid, self, done)
    if (problem !== undefined) accounts[account] = problem
  }
  for (const { level, what, mend } of await checkInstallation({ config, configFile, self, ...also(lookup) }))
    if (level === 'error') problems.push(`${what} Mend it with: ${mend}`)
  return { done, problems, accounts, resolved }
}

export const setupSite = async (
  config: DaemonConfig,
  self: AccountIds,
  configFile?: string,
): Promise<SetupReport> => {
  const { done, problems, accounts } = await prepareSite(config, self, undefined, configFile)
  return { done, problems, accounts }
}
