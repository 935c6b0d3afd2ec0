/** Opens the hub's database and brings it up to date. */
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Kysely, SqliteDialect } from 'kysely'
import { migrate } from './migrations.ts'
import { sqliteDatabase } from './sqlite.ts'
import type { Tables } from './tables.ts'

export type Database = Kysely<Tables>
export type Store = { readonly db: Database; readonly close: () => Promise<void> }

/** For another process that has the database, such as a hub that is just ending, ms. */
const startingMayWait = 5000
/** Waiting holds up everybody. A commit of another process passes within this; whoever has it longer is told of, ms. */
const requestsMayWait = 20

/** `file` may be `:memory:`. Throws where the file was written by a newer hub than this one can understand. */
export const openStore = async (file: string): Promise<Store> => {
  if (file !== ':memory:') {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    // SQLite gives its other files the mode of this one.
    closeSync(openSync(file, 'a', 0o600))
  }
  const sqlite = new DatabaseSync(file, { timeout: startingMayWait })
  // FULL: a session that was ended does not come back after a power cut.
  sqlite.exec('pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on')
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: sqliteDatabase(sqlite) }) })
  try {
    await migrate(db)
    sqlite.exec(`pragma busy_timeout = ${requestsMayWait}`)
  } catch (thrown) {
    await db.destroy()
    throw thrown
  }
  return { db, close: () => db.destroy() }
}
