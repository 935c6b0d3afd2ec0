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
  readonly has: (record: AuditRecord) => boolean
  /** Number of the last record of a writer; 0 where there is none. */
  readonly lastSeq: (writer: string) => number
  readonly search: (query: AuditQuery) => AuditPage
  readonly close: () => void
}

/** At most so many records are looked at for one page: who may see few gets short pages, not a slow hub. */
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
create index if not exists records_account on records (account, at, writer, seq);`

type Row = { readonly at: number; readonly writer: string; readonly seq: number; readonly record: string }

const formatCursor = ({ at, writer, seq }: Row): string =>
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

/** Conditions and their parameters; columns are ours, values are parameters. */
const conditions = (query: AuditQuery): readonly (readonly [string, readonly (string | number)[]])[] => [
  ...(query.since === undefined ? [] : [['at >= ?', [query.since]] as const]),
  ...(query.until === undefined ? [] : [['at < ?', [query.until]] as const]),
  ...(query.person === undefined ? [] : [['person = ?', [query.person]] as const]),
  ...(query.account === undefined ? [] : [['account = ?', [query.account]] as const]),
  ...(query.event === undefined ? [] : [['event = ?', [query.event]] as const]),
  ...(query.text === undefined ? [] : [["sentence like ? escape '\\'", [likePattern(query.text)]] as const]),
  ...(query.cursor === undefined
    ? []
    : [['(at, writer, seq) < (?, ?, ?)', parseCursor(query.cursor)] as const]),
]

/** So many wait in memory while the index cannot be written; beyond, a restart reads them from the chain. */
const waitLimit = 100_000
const retryAfter = 1000

export const openAuditIndex = (file: string, onProblem: (thrown: unknown) => void): AuditIndex => {
  const db = new DatabaseSync(file, { timeout: 5000 })
  db.exec(schema)
  // Nobody else writes it; whoever has it all the same holds up nobody here.
  db.exec('pragma busy_timeout = 0')
  const insert = db.prepare('insert or ignore into records values (?, ?, ?, ?, ?, ?, ?, ?)')
  const last = db.prepare('select max(seq) as seq from records where writer = ?')
  const known = db.prepare('select 1 from records where writer = ? and seq = ?')
  let waiting: AuditRecord[] = []
  let timer: NodeJS.Timeout | undefined
  /** The trouble as it was last told: it lasts longer than a try. */
  let told = ''

  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (waiting.length === 0) return
    const batch = waiting
    waiting = []
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
      db.exec('commit')
    } catch (thrown) {
      if (db.isTransaction) db.exec('rollback')
      waiting = [...batch, ...waiting].slice(0, waitLimit)
      throw thrown
    }
  }
  /** What cannot be written now is written later: it is in the chain, and until then in memory. */
  const tryFlush = (): void => {
    try {
      flush()
      told = ''
    } catch (thrown) {
      const text = String(thrown)
      if (text !== told) onProblem(thrown)
      told = text
      flushLater(retryAfter)
    }
  }
  const flushLater = (delay: number): void => {
    timer ??= setTimeout(tryFlush, delay).unref()
  }

  return {
    add: (records) => {
      waiting.push(...records)
      flushLater(0)
    },
    has: (record) => {
      tryFlush()
      return (
        waiting.some(({ writer, seq }) => seq === record.seq && writer === record.writer) ||
        known.get(record.writer, record.seq) !== undefined
      )
    },
    lastSeq: (writer) => {
      tryFlush()
      return Number(last.get(writer)?.seq ?? 0)
    },
    search: (query) => {
      tryFlush()
      const where = conditions(query)
      const rows = db
        .prepare(
          `select at, writer, seq, record from records
           ${where.length === 0 ? '' : `where ${where.map(([text]) => text).join(' and ')}`}
           order by at desc, writer desc, seq desc limit ${scanLimit}`,
        )
        .iterate(...where.flatMap(([, values]) => values))
      const records: AuditRecord[] = []
      let looked = 0
      let cursor: string | null = null
      for (const row of rows as Iterable<unknown> as Iterable<Row>) {
        looked += 1
        const record = auditRecord.parse(JSON.parse(row.record))
        if (query.visible(record)) records.push(record)
        if (records.length === query.limit || looked === scanLimit) {
          cursor = formatCursor(row)
          break
        }
      }
      return { records, cursor }
    },
    close: () => {
      tryFlush()
      clearTimeout(timer)
      db.close()
    },
  }
}
