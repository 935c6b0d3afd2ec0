/** The history's SQLite file: a copy of what the feed says, so it may be thrown away at any time. */
import { rmSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'

export type HistoryDatabase = {
  readonly database: DatabaseSync
  readonly put: StatementSync
  readonly mark: StatementSync
  /** Of the feed from which it was made, and its last line that is contained; empty and 0 of a new one. */
  readonly source: { readonly epoch: string; readonly seq: number }
}

const shapeVersion = 1
const shape = `
  CREATE TABLE IF NOT EXISTS source (epoch TEXT NOT NULL, seq INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, workflow TEXT NOT NULL, cycle TEXT NOT NULL,
    task TEXT NOT NULL, state TEXT NOT NULL, at INTEGER NOT NULL, row TEXT NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS jobs_workflow ON jobs (workflow, at, id);
  CREATE INDEX IF NOT EXISTS jobs_task ON jobs (workflow, task, at, id);
  CREATE INDEX IF NOT EXISTS jobs_cycle ON jobs (workflow, cycle, at, id);
  CREATE INDEX IF NOT EXISTS jobs_state ON jobs (workflow, state, at, id);
  PRAGMA user_version = ${shapeVersion};`

/** Another version of us made it. */
class OtherShape extends Error {}

/**
 * The file is of no use to anybody, and may be removed: SQLITE_CORRUPT and SQLITE_NOTADB, a row that is no row. Not so
 * what passes: a full disk, a quota, a lock.
 */
export const isDamage = (thrown: unknown): boolean => {
  if (thrown instanceof OtherShape || thrown instanceof SyntaxError) return true
  const code = thrown instanceof Error && 'errcode' in thrown ? Number(thrown.errcode) & 0xff : undefined
  return code === 11 || code === 26
}

/** One process alone has it open, and nothing waits for the disk. */
const openDatabase = (file: string): HistoryDatabase => {
  const database = new DatabaseSync(file, { timeout: 1000 })
  try {
    database.exec(
      'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096;',
    )
    const found = database.prepare('PRAGMA user_version').get()?.user_version
    if (found !== 0 && found !== shapeVersion) throw new OtherShape(`shape ${found}`)
    database.exec(shape)
    const source = database.prepare('SELECT epoch, seq FROM source').get()
    return {
      database,
      source: { epoch: String(source?.epoch ?? ''), seq: Number(source?.seq ?? 0) },
      // The place in the list stays where the job was first seen.
      put: database.prepare(
        `INSERT INTO jobs (key, workflow, cycle, task, state, at, row) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (key) DO UPDATE SET state = excluded.state, row = excluded.row`,
      ),
      mark: database.prepare('UPDATE source SET seq = ?'),
    }
  } catch (thrown) {
    database.close()
    throw thrown
  }
}

const remove = (file: string): void => {
  for (const suffix of ['', '-journal']) rmSync(`${file}${suffix}`, { force: true })
}

/**
 * The file, or a new one where it is damaged or was found to be, or memory where there can be none: a full disk, a
 * directory that may not be written to, another server of the account that has not ended yet.
 */
export const openHistoryDatabase = (
  file: string,
  onProblem: (error: unknown) => void,
  options: { readonly anew?: boolean } = {},
): HistoryDatabase => {
  try {
    try {
      if (options.anew === true) remove(file)
      return openDatabase(file)
    } catch (thrown) {
      if (!isDamage(thrown)) throw thrown
      onProblem(thrown)
      remove(file)
      return openDatabase(file)
    }
  } catch (thrown) {
    onProblem(thrown)
    return openDatabase(':memory:')
  }
}
