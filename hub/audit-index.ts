/**
 * The search index over audit records: derived from the chains, so it may be thrown away at any time. It has its own
 * SQLite file and waits for nobody; the truth is in the chain.
 */
import { DatabaseSync } from 'node:sqlite'
import type { AuditRecord } from '../protocol/audit.ts'
import { groupSchema, openAuditGroups } from './audit-groups.ts'
import { createAuditSearch, firstId, searchSchema } from './audit-search.ts'
import { saidBy } from './audit-view.ts'
import type { AuditPage, AuditQuery } from './context.ts'

export type AuditIndex = {
  /** Adds records; those that are there stay as they are. Resolves nothing: later searches find them. */
  readonly add: (records: readonly AuditRecord[]) => void
  /** Whether it was added; false where that cannot be told. */
  readonly has: (record: AuditRecord) => boolean
  /** Number of the last record of a writer; 0 where there is none. */
  readonly lastSeq: (writer: string) => number
  /** False where records below `lastSeq` may be missing, until `becameWhole` is called. */
  readonly isWhole: () => boolean
  readonly becameWhole: () => void
  /** Newest first; with a cursor where there are more. */
  readonly search: (query: AuditQuery) => AuditPage
  /** Records of a writer with numbers above `after`, in order, at most so many. */
  readonly after: (writer: string, after: number, limit: number) => readonly AuditRecord[]
  /** Every writer of which there are records. */
  readonly writers: () => readonly string[]
  readonly close: () => void
}

/** Tables of another shape are thrown away. */
const shape = 3
const schema = `
pragma journal_mode = wal; pragma synchronous = normal;
create table if not exists writers (id integer primary key, name text not null unique);
${groupSchema}
${searchSchema}`

/** Writers and records of one millisecond, apart in most cases; the rest is found by trying. */
const idOf = (record: AuditRecord, writer: number): bigint =>
  firstId(Date.parse(record.time)) + BigInt((writer % 64) * 16_384 + (record.seq % 16_384))

const keyOf = ({ writer, seq }: AuditRecord): string => `${writer}#${seq}`

/** So many wait in memory while the index cannot be written. Beyond, the oldest are dropped and `isWhole` says so. */
const waitLimit = 20_000
/** Written in one go: a hundred take some milliseconds, in which nobody else is served. */
const batchSize = 250
const retryAfter = 1000

export const openAuditIndex = (
  file: string,
  parts: {
    readonly onProblem: (thrown: unknown) => void
    /** While it holds nothing is written: the little room there is belongs to the chain. */
    readonly isFull: () => boolean
  },
): AuditIndex => {
  const db = new DatabaseSync(file, { timeout: 5000 })
  if (db.prepare('pragma application_id').get()?.application_id !== shape) {
    for (const table of ['records', 'said', 'groups', 'writers', 'texts'])
      db.exec(`drop table if exists ${table}`)
    // Not whole: what was there is read again from where it comes.
    db.exec(`pragma application_id = ${shape}; pragma user_version = 1`)
  }
  db.exec(schema)
  // Nobody else writes it; whoever has it all the same holds up nobody here.
  db.exec('pragma busy_timeout = 0')
  const groups = openAuditGroups(db)
  const find = createAuditSearch(db, groups)
  const insert = db.prepare('insert into records values (?, ?, ?, ?, ?)')
  const keep = db.prepare('insert into said values (?, ?, ?)')
  const say = db.prepare('insert into texts (rowid, text) values (?, ?)')
  const taken = db.prepare('select 1 from records where id = ?')
  const addWriter = db.prepare('insert or ignore into writers (name) values (?)')
  const writerOf = db.prepare('select id from writers where name = ?')
  const last = db.prepare(
    `select max(seq) as seq from records where writer = (select id from writers where name = ?)`,
  )
  const known = db.prepare(
    'select 1 from records where writer = (select id from writers where name = ?) and seq = ?',
  )
  const later = db.prepare(
    `select record from records where writer = (select id from writers where name = ?) and seq > ?
     order by seq limit ?`,
  )
  // The number of what was inserted last is told after each, and only a bigint holds it.
  for (const statement of [insert, keep, say, addWriter]) statement.setReadBigInts(true)
  const holes = db.prepare('pragma user_version')
  const waiting = new Map<string, AuditRecord>()
  let timer: NodeJS.Timeout | undefined
  let failing = false
  /** Records were dropped, and the file does not say so yet. */
  let dropped = false
  /** The trouble as it was last told: it lasts longer than a try. */
  let told = ''

  const tellOnce = (thrown: unknown): void => {
    const text = String(thrown)
    if (text !== told) parts.onProblem(thrown)
    told = text
  }
  /** Number of its group. */
  const put = (record: AuditRecord): number => {
    addWriter.run(record.writer)
    const writer = Number(writerOf.get(record.writer)?.id)
    const group = groups.of(record)
    let id = idOf(record, writer)
    while (taken.get(id) !== undefined) id += 1n
    const said = saidBy(record)
    insert.run(id, group, writer, record.seq, JSON.stringify(record))
    keep.run(id, group, said)
    say.run(id, said)
    return group
  }
  const write = (batch: readonly AuditRecord[]): void => {
    try {
      db.exec('begin immediate')
      const added = batch.flatMap((record) =>
        known.get(record.writer, record.seq) === undefined ? [put(record)] : [],
      )
      if (dropped) db.exec('pragma user_version = 1')
      db.exec('commit')
      for (const group of added) groups.counted(group)
    } catch (thrown) {
      if (db.isTransaction) db.exec('rollback')
      groups.reload()
      throw thrown
    }
  }
  /** One batch. What cannot be written now is written later: it is in the chain, and until then in memory. */
  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (waiting.size === 0) return
    if (parts.isFull()) {
      failing = true
      flushLater(retryAfter)
      return
    }
    const batch = waiting.values().take(batchSize).toArray()
    try {
      write(batch)
    } catch (thrown) {
      failing = true
      tellOnce(thrown)
      flushLater(retryAfter)
      return
    }
    failing = false
    dropped = false
    told = ''
    for (const record of batch) waiting.delete(keyOf(record))
    if (waiting.size > 0) flushLater(0)
  }
  const flushLater = (delay: number): void => {
    timer ??= setTimeout(flush, delay).unref()
  }
  const flushAll = (): void => {
    do flush()
    while (waiting.size > 0 && !failing)
  }
  const dropOldest = (): void => {
    for (const key of waiting.keys()) {
      if (waiting.size <= waitLimit) return
      waiting.delete(key)
      dropped = true
    }
  }

  return {
    add: (records) => {
      for (const record of records) waiting.set(keyOf(record), record)
      dropOldest()
      if (waiting.size >= batchSize && !failing) flush()
      else flushLater(0)
    },
    has: (record) => {
      if (waiting.has(keyOf(record))) return true
      try {
        return known.get(record.writer, record.seq) !== undefined
      } catch (thrown) {
        tellOnce(thrown)
        return false
      }
    },
    lastSeq: (writer) => Number(last.get(writer)?.seq ?? 0),
    isWhole: () => holes.get()?.user_version === 0,
    becameWhole: () => {
      flushAll()
      if (waiting.size === 0 && !dropped) db.exec('pragma user_version = 0')
    },
    search: (query) => {
      if (!failing) flushAll()
      return find(query)
    },
    after: (writer, after, limit) => {
      if (!failing) flushAll()
      return later.all(writer, after, limit).map(({ record }) => JSON.parse(String(record)) as AuditRecord)
    },
    writers: () =>
      db
        .prepare('select name from writers order by id')
        .all()
        .map(({ name }) => String(name)),
    close: () => {
      flushAll()
      clearTimeout(timer)
      db.close()
    },
  }
}
