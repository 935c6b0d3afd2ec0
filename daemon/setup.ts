/** Creates the site's directories with their modes, and refuses what is unsafe. */
import { lstat, mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ensureDir, errnoOf } from '../durable/files.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { type AccountIds, type Lookup, resolveAccounts, resolveHubGroup } from './accounts.ts'
import type { DaemonConfig } from './config.ts'
import { accountFeedMode, siteFeedMode, siteLayout } from './layout.ts'

export type SetupReport = {
  /** What was created or put right, a sentence each. */
  readonly done: readonly string[]
  /** What an administrator has to change, a sentence each. Not empty = the daemon does not start. */
  readonly problems: readonly string[]
  /** Accounts that cannot be served, and why. */
  readonly accounts: Readonly<Record<string, string>>
}

/** Anybody may put something in, nobody may take away what is another's, and it gets the directory's group. */
const dropBoxMode = 0o3777
const publishedMode = 0o775
const privateMode = 0o700
/** Writable by the account's group; what is written there keeps that group, so that the daemon may read it. */
const jobEventsMode = 0o2770

const wordsOf = (thrown: unknown): string =>
  thrown instanceof SeneschalError
    ? (thrown.detail ?? thrown.message)
    : `${errnoOf(thrown) ?? 'error'}: ${thrown instanceof Error ? thrown.message : String(thrown)}`

/** Who can rename or replace a parent owns what is below it. */
const parentProblems = async (root: string, uid: number): Promise<readonly string[]> => {
  const problems: string[] = []
  for (let path = root; ; path = dirname(path)) {
    const found = await stat(path)
    const open = (found.mode & 0o022) !== 0 && (found.mode & 0o1000) === 0
    if (found.uid !== 0 && found.uid !== uid)
      problems.push(`${path} belongs to uid ${found.uid}, who could replace what is below it.`)
    if (open) problems.push(`${path} can be written to by others: chmod go-w it.`)
    if (path === dirname(path)) return problems
  }
}

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
  if (before !== undefined && before.uid !== self.uid)
    throw new SeneschalError('config.invalid', `${path} belongs to uid ${before.uid}, not to the daemon.`)
  await ensureDir(path, { mode, ...(gid === undefined ? {} : { gid }) })
  const after = await stat(path)
  const octal = `${path} with mode ${(after.mode & 0o7777).toString(8).padStart(4, '0')}`
  if (before === undefined) done.push(`created ${octal}`)
  else if (before.mode !== after.mode || before.gid !== after.gid) done.push(`put right ${octal}`)
}

/** What nobody but the daemon depends on. */
const ensureShared = async (config: DaemonConfig, self: AccountIds, done: string[]): Promise<void> => {
  const at = siteLayout(config.root)
  for (const [path, mode] of [
    [config.root, 0o755],
    [at.requests, 0o755],
    [at.temp, dropBoxMode],
    [at.inbox, dropBoxMode],
    [at.processing, publishedMode],
    [at.error, publishedMode],
    [at.finished, publishedMode],
    [dirname(at.jobEvents('any')), 0o755],
    [at.state, privateMode],
    [at.audit, privateMode],
    [at.feed, 0o755],
    [at.publicFeed, 0o755],
  ] as const)
    await ensure(path, mode, self, done, self.gid)
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

/** Idempotent. `self` = the ids that the daemon runs with. */
export const prepareSite = async (
  config: DaemonConfig,
  self: AccountIds,
  lookup?: Lookup,
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
    // In the demonstration everything is one user's, wherever that user put it.
    if (!config.unsafeSingleUser) problems.push(...(await parentProblems(config.root, self.uid)))
  } catch (thrown) {
    problems.push(wordsOf(thrown))
    return { done, problems, accounts, resolved }
  }
  for (const [account, { gid }] of resolved.ids) {
    const problem = await ensureAccount(config, account, gid, self, done)
    if (problem !== undefined) accounts[account] = problem
  }
  return { done, problems, accounts, resolved }
}

export const setupSite = async (
  config: DaemonConfig,
  uid: number,
  gid: number = process.getgid?.() ?? uid,
): Promise<SetupReport> => {
  const { done, problems, accounts } = await prepareSite(config, { uid, gid })
  return { done, problems, accounts }
}
