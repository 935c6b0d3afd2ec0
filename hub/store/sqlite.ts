/** node:sqlite as Kysely's SqliteDialect expects a database: prepared statements that are kept and reused. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { SqliteDatabase, SqliteStatement } from 'kysely'
import { SeneschalError } from '../../protocol/errors.ts'

/** What passes by itself or is mended outside of the hub: in use, read-only, unreadable, damaged, full, not to be opened. */
const troubles: ReadonlySet<number> = new Set([5, 6, 8, 10, 11, 13, 14, 26])

const resultCode = (thrown: unknown): number | undefined =>
  thrown instanceof Error && 'errcode' in thrown && typeof thrown.errcode === 'number'
    ? // The low byte; above it stands which kind of the same trouble it is (sqlite.org/rescode.html).
      thrown.errcode & 0xff
    : undefined

/** A database in trouble is `store.unavailable`; a mistake of ours stays what it is. */
const translating = <T>(work: () => T): T => {
  try {
    return work()
  } catch (thrown) {
    const code = resultCode(thrown)
    if (code === undefined || !troubles.has(code)) throw thrown
    throw new SeneschalError('store.unavailable', undefined, { cause: thrown })
  }
}

const statement = (prepared: StatementSync): SqliteStatement => ({
  reader: prepared.columns().length > 0,
  all: (parameters) => translating(() => prepared.all(...(parameters as SQLInputValue[]))),
  run: (parameters) => translating(() => prepared.run(...(parameters as SQLInputValue[]))),
  iterate: (parameters) => prepared.iterate(...(parameters as SQLInputValue[])),
})

/** Statements are few: all are built by the query builder from the source, values are parameters. */
export const sqliteDatabase = (database: DatabaseSync): SqliteDatabase => {
  const prepared = new Map<string, SqliteStatement>()
  return {
    prepare: (sql) => {
      const known = prepared.get(sql)
      if (known !== undefined) return known
      const made = statement(translating(() => database.prepare(sql)))
      if (prepared.size >= 500) prepared.clear()
      prepared.set(sql, made)
      return made
    },
    close: () => {
      prepared.clear()
      database.close()
    },
  }
}
