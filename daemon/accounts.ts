/** The Unix users behind the configured accounts, as the system's name service knows them. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { SeneschalError } from '../protocol/errors.ts'
import type { DaemonConfig } from './config.ts'

export type AccountIds = { readonly uid: number; readonly gid: number }
export type Lookup = (database: 'passwd' | 'group', name: string) => Promise<readonly string[] | undefined>

export type ResolvedAccounts = {
  readonly ids: ReadonlyMap<string, AccountIds>
  /** Why an account cannot be served. */
  readonly problems: ReadonlyMap<string, string>
  /** The one account that a uid is; undefined for strangers, and where several accounts share it. */
  readonly accountOf: (uid: number) => string | undefined
  readonly isSeveral: (uid: number) => boolean
}

const run = promisify(execFile)

/** One entry by getent, which asks files, LDAP and whatever else the host uses. */
export const getent: Lookup = async (database, name) => {
  try {
    const { stdout } = await run('getent', [database, name], { timeout: 10_000 })
    return stdout.trim().split(':')
  } catch (error) {
    // 2: no such entry.
    if (error instanceof Error && 'code' in error && error.code === 2) return undefined
    throw error
  }
}

const resolveOne = async (
  account: string,
  entry: DaemonConfig['accounts'][string],
  lookup: Lookup,
): Promise<AccountIds | string> => {
  const user = entry?.user ?? account
  const passwd = await lookup('passwd', user)
  const uid = Number(passwd?.[2])
  if (passwd === undefined || !Number.isInteger(uid)) return `There is no Unix user ${user}.`
  if (uid === 0) return 'root is never an account.'
  if (entry?.group === undefined) return { uid, gid: Number(passwd[3]) }
  const group = await lookup('group', entry.group)
  return group === undefined ? `There is no group ${entry.group}.` : { uid, gid: Number(group[2]) }
}

/** The group whose members may read the site's own feed: the daemon's, where none is named. */
export const resolveHubGroup = async (
  config: Pick<DaemonConfig, 'hubGroup'>,
  self: AccountIds,
  lookup: Lookup = getent,
): Promise<number> => {
  if (config.hubGroup === undefined) return self.gid
  const group = await lookup('group', config.hubGroup)
  if (group === undefined) throw new SeneschalError('config.invalid', `There is no group ${config.hubGroup}.`)
  return Number(group[2])
}

export const resolveAccounts = async (
  config: Pick<DaemonConfig, 'accounts' | 'unsafeSingleUser'>,
  self: AccountIds,
  lookup: Lookup = getent,
): Promise<ResolvedAccounts> => {
  const ids = new Map<string, AccountIds>()
  const problems = new Map<string, string>()
  for (const [account, entry] of Object.entries(config.accounts)) {
    const found = config.unsafeSingleUser ? self : await resolveOne(account, entry, lookup)
    if (typeof found === 'string') problems.set(account, found)
    else ids.set(account, found)
  }
  const byUid = Map.groupBy(ids, ([, { uid }]) => uid)
  return {
    ids,
    problems,
    accountOf: (uid) => {
      const [first, second] = byUid.get(uid) ?? []
      return second === undefined ? first?.[0] : undefined
    },
    isSeveral: (uid) => (byUid.get(uid) ?? []).length > 1,
  }
}
