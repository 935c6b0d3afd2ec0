/** node:sqlite as Kysely's SqliteDialect expects a database: prepared statements that are kept and reused. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { SqliteDatabase, SqliteStatement } from 'kysely'

const statement = (prepared: StatementSync): SqliteStatement => ({
  reader: prepared.columns().length > 0,
  all: (parameters) => prepared.all(...(parameters as SQLInputValue[])),
  run: (parameters) => prepared.run(...(parameters as SQLInputValue[])),
  iterate: (parameters) => prepared.iterate(...(parameters as SQLInputValue[])),
})

/** Statements are few: all are built by the query builder from the source, values are parameters. */
export const sqliteDatabase = (database: DatabaseSync): SqliteDatabase => {
  const prepared = new Map<string, SqliteStatement>()
  return {
    prepare: (sql) => {
      const known = prepared.get(sql)
      if (known !== undefined) return known
      const made = statement(database.prepare(sql))
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
