/** Which groups can decide anything about one account: all that whoever decides about it needs to know of a person. */
import type { Layer, PermissionSnapshot, Principals } from '../protocol/permissions.ts'

const groupPattern = /^!?group:(.+)$/

const listsOf = (layer: Layer | undefined): readonly Principals[] =>
  layer === undefined ? [] : Object.values(layer.rules).filter((list) => list !== undefined)

const find = (snapshot: PermissionSnapshot, account: string): ReadonlySet<string> => {
  const entry = Object.hasOwn(snapshot.accounts, account) ? snapshot.accounts[account] : undefined
  const lists = [
    ...listsOf(snapshot.site),
    ...listsOf(snapshot.limits),
    ...Object.values(snapshot.roles),
    ...(entry === undefined ? [] : [entry.owners, ...listsOf(entry.layer)]),
    ...Object.values(entry?.workflows ?? {}).flatMap(listsOf),
  ]
  return new Set(lists.flat().flatMap((principal) => groupPattern.exec(principal)?.[1] ?? []))
}

const known = new WeakMap<PermissionSnapshot, Map<string, ReadonlySet<string>>>()

/**
 * `SOURCE/NAME` of every group named by limits, roles, site, account and workflow layers, or among the owners. A person
 * with these of their groups gets the decisions that they get with all of them. Found once per snapshot and account.
 */
export const groupsNamed = (snapshot: PermissionSnapshot, account: string): ReadonlySet<string> => {
  const accounts = known.get(snapshot) ?? new Map<string, ReadonlySet<string>>()
  known.set(snapshot, accounts)
  const found = accounts.get(account) ?? find(snapshot, account)
  accounts.set(account, found)
  return found
}
