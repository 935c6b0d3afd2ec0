/** What one account's UI server may know of the site's permissions. */
import type { PermissionSnapshot } from '../protocol/permissions.ts'

/** The snapshot with the layers of one account alone. Decisions about that account stay the same. */
export const reduceFor = (snapshot: PermissionSnapshot, account: string): PermissionSnapshot => {
  const { lockOrders: _, ...rest } = snapshot
  const entry = Object.hasOwn(snapshot.accounts, account) ? snapshot.accounts[account] : undefined
  return {
    ...rest,
    accounts: entry === undefined ? {} : { [account]: entry },
    locks: { ...snapshot.locks, accounts: snapshot.locks.accounts.filter((name) => name === account) },
  }
}
