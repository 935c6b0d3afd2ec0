/**
 * The search index over audit records: derived from the chains, so it may be thrown away at any time. It has its own
 * SQLite file and waits for nobody; the truth is in the chain.
 */
import { DatabaseSync } from 'node:sqlite'
import { type AuditRecord, auditRecord } from '../protocol/audit.ts'
import { SeneschalError } from '../protocol/errors.ts'
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
  /** A page may be short, even empty: as long as it has a cursor there may be more. */
  readonly search: (query: AuditQuery) => AuditPage
  readonly close: () => void
}

/** At most so many records are looked at for one page, whatever is asked for: a search takes milliseconds. */
const scanLimit = 5000

const schema = `
pragma journal_mode = wal; pragma synchronous = normal;
create table if not exists records (
  at bigint not null, writer text not null, seq bigint not null, event text not null,
  person text, account text, sentence text not null, record text not null,
  primary key (writer, seq)
) without rowid;
create index if not exists records_at on records (at, writer, seq);
create index if not exists records_person on records (person, at, writer, seq);
create index if not exists records_account on records (account, at, writer, seq);
create index if not exists records_event on records (event, at, writer, seq);`

type Place = { readonly at: number; readonly writer: string; readonly seq: number }
type Row = Place & {
  readonly person: string | null
  readonly account: string | null
  readonly workflow: string | null
  readonly record: string
}

const formatCursor = ({ at, writer, seq }: Place): string =>
  Buffer.from(JSON.stringify([at, writer, seq])).toString('base64url')

const parseCursor = (cursor: string): readonly [number, string, number] => {
  try {
    const [at, writer, seq] = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as unknown[]
    if (typeof at === 'number' && typeof writer === 'string' && typeof seq === 'number')
      return [at, writer, seq]
  } catch (cause) {
    throw new SeneschalError('input.invalid', 'The cursor is not one of ours.', { cause })
  }
  throw new SeneschalError('input.invalid', 'The cursor is not one of ours.')
}

const likePattern = (text: string): string => `%${text.replace(/[\\%_]/g, '\\$&')}%`

/** Columns are ours, values are parameters. */
type Condition = readonly [text: string, values: readonly (string | number)[]]

const whereOf = (list: readonly Condition[]): string =>
  list.length === 0 ? '' : `where ${list.map(([text]) => text).join(' and ')}`
const valuesOf = (list: readonly Condition[]) => list.flatMap(([, values]) => values)

/** Columns that have an index of their own, the most telling first. */
const indexed = ['person', 'account', 'event'] as const

/** What an index answers by itself, and which one. */
const byIndex = (query: AuditQuery): { readonly index: string; readonly all: readonly Condition[] } => {
  const column = indexed.find((name) => query[name] !== undefined)
  const value = column === undefined ? undefined : query[column]
  return {
    index: `records_${column ?? 'at'}`,
    all: [
      ...(value === undefined ? [] : [[`${column} = ?`, [value]] as const]),
      ...(query.since === undefined ? [] : [['at >= ?', [query.since]] as const]),
      ...(query.until === undefined ? [] : [['at < ?', [query.until]] as const]),
      ...(query.cursor === undefined
        ? []
        : [['(at, writer, seq) < (?, ?, ?)', parseCursor(query.cursor)] as const]),
    ],
  }
}

const byLooking = (query: AuditQuery): readonly Condition[] => [
  ...indexed.flatMap((name): readonly Condition[] => {
    const value = query[name]
    return value === undefined ? [] : [[`${name} = ?`, [value]]]
  }),
  ...(query.text === undefined ? [] : [["sentence like ? escape '\\'", [likePattern(query.text)]] as const]),
]

const newestFirst = 'order by at desc, writer desc, seq desc'

const keyOf = ({ writer, seq }: AuditRecord): string => `${writer}#${seq}`

/** So many wait in memory while the index cannot be written. Beyond, the oldest are dropped and `isWhole` says so. */
const waitLimit = 20_000
const batchSize = 1000
const retryAfter = 1000

export const openAuditIndex = (file: string, onProblem: (thrown: unknown) => void): AuditIndex => {
  const db = new DatabaseSync(file, { timeout: 5000 })
  db.exec(schema)
  // Nobody else writes it; whoever has it all the same holds up nobody here.
  db.exec('pragma busy_timeout = 0')
  const insert = db.prepare('insert or ignore into records values (?, ?, ?, ?, ?, ?, ?, ?)')
  const last = db.prepare('select max(seq) as seq from records where writer = ?')
  const known = db.prepare('select 1 from records where writer = ? and seq = ?')
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
    if (text !== told) onProblem(thrown)
    told = text
  }
  const write = (batch: readonly AuditRecord[]): void => {
    try {
      db.exec('begin immediate')
      for (const record of batch)
        insert.run(
          Date.parse(record.time),
          record.writer,
          record.seq,
          record.event,
          record.person,
          record.account,
          record.sentence,
          JSON.stringify(record),
        )
      if (dropped) db.exec('pragma user_version = 1')
      db.exec('commit')
    } catch (thrown) {
      if (db.isTransaction) db.exec('rollback')
      throw thrown
    }
  }
  /** One batch. What cannot be written now is written later: it is in the chain, and until then in memory. */
  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (waiting.size === 0) return
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
      if (!failing) flush()
      const { index, all } = byIndex(query)
      const end = db
        .prepare(
          `select at, writer, seq from records indexed by ${index} ${whereOf(all)}
           ${newestFirst} limit 1 offset ${scanLimit - 1}`,
        )
        .get(...valuesOf(all)) as Place | undefined
      const where = [
        ...all,
        ...byLooking(query),
        ...(end === undefined
          ? []
          : [['(at, writer, seq) >= (?, ?, ?)', [end.at, end.writer, end.seq]] as const]),
      ]
      const rows = db
        .prepare(
          `select at, writer, seq, person, account, record ->> 'workflow' as workflow, record
           from records indexed by ${index} ${whereOf(where)} ${newestFirst}`,
        )
        .iterate(...valuesOf(where))
      const records: AuditRecord[] = []
      for (const row of rows as Iterable<unknown> as Iterable<Row>) {
        if (!query.visible(row)) continue
        records.push(auditRecord.parse(JSON.parse(row.record)))
        if (records.length === query.limit) return { records, cursor: formatCursor(row) }
      }
      return { records, cursor: end === undefined ? null : formatCursor(end) }
    },
    close: () => {
      flushAll()
      clearTimeout(timer)
      db.close()
    },
  }
}
