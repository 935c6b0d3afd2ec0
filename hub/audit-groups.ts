/**
 * Audit records by what they are about and what became of it: some thousand groups for millions of records. Who may see
 * a record, and most of what is searched for, is decided about its group, so hidden records are never looked at.
 */
import type { DatabaseSync } from 'node:sqlite'
import type { AuditRecord } from '../protocol/audit.ts'
import type { AuditQuery } from './context.ts'

const fields = ['person', 'account', 'workflow', 'event', 'action', 'outcome'] as const
export type GroupFields = Pick<AuditRecord, (typeof fields)[number]>
type Group = GroupFields & { readonly id: number; count: number }

export const groupSchema = `
create table if not exists groups (
  id integer primary key, person text, account text, workflow text, event text not null, action text,
  outcome text not null
);`

export type AuditGroups = {
  /** Number of the record's group, which is made where there is none; within the caller's transaction. */
  readonly of: (record: AuditRecord) => number
  readonly counted: (id: number) => void
  /** After a transaction that was rolled back. */
  readonly reload: () => void
  /** Numbers of those that are asked for and may be seen, and how many records they have. */
  readonly matching: (query: Pick<AuditQuery, (typeof fields)[number] | 'visible'>) => {
    readonly ids: readonly number[]
    readonly count: number
  }
}

const keyOf = (record: GroupFields): string => JSON.stringify(fields.map((field) => record[field]))

export const openAuditGroups = (db: DatabaseSync): AuditGroups => {
  const insert = db.prepare('insert into groups values (?, ?, ?, ?, ?, ?, ?)')
  // It tells the number of what was inserted last, whose number only a bigint holds.
  insert.setReadBigInts(true)
  const groups = new Map<string, Group>()
  const byId = new Map<number, Group>()
  let last = 0
  const put = (group: Group): void => {
    groups.set(keyOf(group), group)
    byId.set(group.id, group)
    last = Math.max(last, group.id)
  }
  const reload = (): void => {
    groups.clear()
    byId.clear()
    last = 0
    const counts = new Map(
      db
        .prepare('select grp, count(*) as count from records group by grp')
        .all()
        .map(({ grp, count }) => [Number(grp), Number(count)]),
    )
    for (const row of db.prepare('select * from groups').all() as unknown as Group[])
      put({ ...row, count: counts.get(row.id) ?? 0 })
  }
  reload()
  return {
    of: (record) => {
      const known = groups.get(keyOf(record))
      if (known !== undefined) return known.id
      const { person, account, workflow, event, action, outcome } = record
      const group = { person, account, workflow, event, action, outcome, id: last + 1, count: 0 }
      insert.run(group.id, person, account, workflow, event, action, outcome)
      put(group)
      return group.id
    },
    counted: (id) => {
      const group = byId.get(id)
      if (group !== undefined) group.count += 1
    },
    reload,
    matching: (query) => {
      const ids: number[] = []
      let count = 0
      for (const group of groups.values()) {
        if (fields.some((field) => query[field] !== undefined && query[field] !== group[field])) continue
        if (!query.visible(group)) continue
        ids.push(group.id)
        count += group.count
      }
      return { ids, count }
    },
  }
}
