/** The wall's rows, each with its JSON made once for all viewers, and which of them a viewer may see. */
import type { AccountRow, SummaryRow, WallPut } from '../../protocol/rows.ts'
import type { PolicyView, SiteView, Viewer } from '../context.ts'
import { mayView, mayViewAnything } from '../visible.ts'

export type WallRow = {
  /** `kind key`: kinds are words, so it is unique. */
  readonly id: string
  readonly kind: WallPut['kind']
  readonly key: string
  readonly json: string
  readonly account: string | undefined
  readonly workflow: string | undefined
}

export const rowId = (kind: string, key: string): string => `${kind} ${key}`

const wallRow = (put: WallPut, account?: string, workflow?: string): WallRow => ({
  id: rowId(put.kind, put.key),
  kind: put.kind,
  key: put.key,
  json: JSON.stringify({ kind: put.kind, key: put.key, row: put.row }),
  account,
  workflow,
})

export const presentRow = (put: WallPut): WallRow => {
  if (put.kind === 'daemon' || put.kind === 'hub') return wallRow(put)
  return wallRow(put, put.row.account, put.kind === 'summary' ? put.row.workflow : undefined)
}

export const summaryPut = (row: SummaryRow): WallPut => ({
  kind: 'summary',
  key: `${row.account}/${row.workflow}`,
  row,
})
export const accountPut = (row: AccountRow): WallPut => ({ kind: 'account', key: row.account, row })

export type Sight = { readonly site: SiteView; readonly policy: PolicyView }

/** Of daemons and the hub everybody may know; they only say how old all the rest is, and what nobody can do. */
export const maySeeRow = (sight: Sight, viewer: Viewer, row: WallRow): boolean => {
  if (row.account === undefined) return true
  return row.workflow === undefined
    ? mayViewAnything(sight, viewer, row.account)
    : mayView(sight.policy, viewer, row.account, row.workflow)
}
