/** The site's directories made and looked at, and the accounts that can be served. */
import { SeneschalError } from '../protocol/errors.ts'
import type { AccountIds, Lookup, ResolvedAccounts } from './accounts.ts'
import type { DaemonConfig } from './config.ts'
import type { Log } from './log.ts'
import { prepareSite } from './setup.ts'

export type OpenSite = Pick<ResolvedAccounts, 'accountOf' | 'isSeveral'> & {
  /** Of the accounts that are served. */
  readonly ids: ReadonlyMap<string, AccountIds>
  /** Why one is not. */
  readonly problems: Readonly<Record<string, string>>
}

/** Throws `config.invalid` with everything that keeps the daemon from starting. */
export const openSite = async (parts: {
  readonly config: DaemonConfig
  readonly configFile: string | undefined
  readonly self: AccountIds
  readonly lookup: Lookup | undefined
  readonly log: Log
}): Promise<OpenSite> => {
  const { config, log } = parts
  const prepared = await prepareSite(config, parts.self, parts.lookup, parts.configFile)
  for (const line of prepared.done) log.info({}, line)
  if (prepared.problems.length > 0) throw new SeneschalError('config.invalid', prepared.problems.join('\n'))
  if (config.unsafeSingleUser)
    log.warn({}, 'DEMONSTRATION ONLY: all accounts are one Unix user and are not kept apart')
  for (const [account, why] of Object.entries(prepared.accounts)) log.warn({ account }, `not served: ${why}`)
  const served = [...prepared.resolved.ids].filter(([account]) => prepared.accounts[account] === undefined)
  const { accountOf, isSeveral } = prepared.resolved
  return { ids: new Map(served), problems: prepared.accounts, accountOf, isSeveral }
}
