/** Whether a list of principals names somebody. Lists are compiled once and kept as long as they live. */
import type { Principals } from '../protocol/permissions.ts'
import type { Who } from './types.ts'

type Side = {
  readonly everyone: boolean
  readonly owner: boolean
  readonly users: ReadonlySet<string>
  readonly groups: ReadonlySet<string>
  readonly accounts: ReadonlySet<string>
}
type Compiled = { readonly allow: Side; readonly deny: Side; readonly inherit: boolean }

const named = (list: Principals, prefix: string): ReadonlySet<string> =>
  new Set(list.filter((entry) => entry.startsWith(prefix)).map((entry) => entry.slice(prefix.length)))

const compileSide = (list: Principals, mark: '' | '!'): Side => ({
  everyone: list.includes(`${mark}everyone`),
  owner: list.includes(`${mark}owner`),
  users: named(list, `${mark}user:`),
  groups: named(list, `${mark}group:`),
  accounts: named(list, `${mark}account:`),
})

const compiled = new WeakMap<Principals, Compiled>()
const compile = (list: Principals): Compiled => {
  const known = compiled.get(list)
  if (known !== undefined) return known
  const made = {
    allow: compileSide(list, ''),
    deny: compileSide(list, '!'),
    inherit: list.includes('inherit'),
  }
  compiled.set(list, made)
  return made
}

/** The principal that matches, as written without `!`; undefined where none does. */
const match = (side: Side, who: Who, isOwner: boolean): string | undefined => {
  if (who.kind === 'account') return side.accounts.has(who.account) ? `account:${who.account}` : undefined
  if (side.users.has(who.name)) return `user:${who.name}`
  if (side.owner && isOwner) return 'owner'
  if (side.groups.size > 0)
    for (const group of who.groups) if (side.groups.has(group)) return `group:${group}`
  return side.everyone ? 'everyone' : undefined
}

export type Verdict =
  | { readonly says: 'allow' | 'deny'; readonly principal: string }
  /** Nobody in the list is this one; `inherit` asks the layer below. */
  | { readonly says: 'silent'; readonly inherit: boolean }

/** What one list says about somebody: a denial wins, then a match, then `inherit`. */
export const consult = (list: Principals, who: Who, isOwner: boolean): Verdict => {
  const { allow, deny, inherit } = compile(list)
  const denied = match(deny, who, isOwner)
  if (denied !== undefined) return { says: 'deny', principal: `!${denied}` }
  const allowed = match(allow, who, isOwner)
  if (allowed !== undefined) return { says: 'allow', principal: allowed }
  return { says: 'silent', inherit }
}
