/** Why nothing new starts, said once for all accounts that it is about. */
import type { Rest } from '../../protocol/maintenance.ts'
import type { AccountRow } from '../../protocol/rows.ts'
import { byName } from './order.ts'

export type SharedRest = { readonly rest: Rest; readonly accounts: readonly string[] }

/** The earliest end first; what has none comes last. */
export const sharedRests = (rows: Iterable<Pick<AccountRow, 'account' | 'rests'>>): readonly SharedRest[] => {
  const found = new Map<string, { readonly rest: Rest; readonly accounts: string[] }>()
  for (const { account, rests = [] } of rows)
    for (const rest of rests) {
      const key = JSON.stringify([rest.scope, rest.name, rest.until, rest.reason])
      const shared = found.get(key) ?? { rest, accounts: [] }
      shared.accounts.push(account)
      found.set(key, shared)
    }
  const endOf = ({ rest }: SharedRest): number => rest.until ?? Number.POSITIVE_INFINITY
  return [...found.values()]
    .map(({ rest, accounts }) => ({ rest, accounts: accounts.sort(byName) }))
    .sort((a, b) => (endOf(a) === endOf(b) ? 0 : endOf(a) - endOf(b)))
}

/** What it is, without its end: `Maintenance of host n01`. */
export const restTitle = ({ scope, name }: Rest): string => {
  if (scope === 'drain') return 'Drained'
  return name === null ? 'Maintenance' : `Maintenance of ${scope} ${name}`
}

const mostNames = 3

/** Whose they are, where not everybody's and not said already: `for atmosphere_stage, oceans_stage`. */
export const concernedOf = ({ rest, accounts }: SharedRest, all: number): string => {
  if (accounts.length === all || rest.scope === 'account') return ''
  const more = accounts.length - mostNames
  return ` for ${accounts.slice(0, mostNames).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
