/** Owners of accounts and roles of the site. */
import { type PermissionSnapshot, type Role, roles } from '../protocol/permissions.ts'
import { consult } from './principals.ts'
import type { Who } from './types.ts'

/** A shared account has no owner unless named; an account is nobody's owner. */
export const isOwner = (snapshot: PermissionSnapshot, who: Who, account: string): boolean => {
  const entry = Object.hasOwn(snapshot.accounts, account) ? snapshot.accounts[account] : undefined
  return entry !== undefined && who.kind === 'person' && consult(entry.owners, who, false).says === 'allow'
}

export const rolesOf = (snapshot: PermissionSnapshot, who: Who): readonly Role[] =>
  who.kind === 'person'
    ? roles.filter((role) => consult(snapshot.roles[role], who, false).says === 'allow')
    : []

export const isAdmin = (snapshot: PermissionSnapshot, who: Who): boolean =>
  rolesOf(snapshot, who).includes('admin')
