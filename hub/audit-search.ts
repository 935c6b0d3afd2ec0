/** How the audit index is searched: newest first, a page at a time, over the whole range, in milliseconds. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { auditRecord } from '../protocol/audit.ts'
import { SeneschalError } from '../protocol/errors.ts'
import type { AuditGroups } from './audit-groups.ts'
import type { AuditPage, AuditQuery } from './context.ts'

/** Room for the records of one millisecond. */
const ticks = 1n << 20n
/** The first number that a record of this time can have: numbers are in the order of time. */
export const firstId = (at: number): bigint => BigInt(Math.floor(at)) * ticks

/**
 * What `text` is looked for in stands beside the records: one or two letters are looked for by reading all of it, which
 * is an eighth of the whole.
 */
export const searchSchema = `
create table if not exists records (
  id integer primary key, grp integer not null, writer integer not null, seq integer not null, record text not null
);
create table if not exists said (id integer primary key, grp integer not null, text text not null);
create unique index if not exists records_place on records (writer, seq);
create index if not exists records_group on records (grp, id);
create index if not exists records_walk on records (id, grp);
create virtual table if not exists texts using fts5 (text, content = '', tokenize = 'trigram');`

const cursorPattern = /^[A-Za-z0-9_-]{11}$/
const formatCursor = (id: bigint): string => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(id)
  return bytes.toString('base64url')
}
const parseCursor = (cursor: string): bigint => {
  if (!cursorPattern.test(cursor)) throw new SeneschalError('input.invalid', 'The cursor is not one of ours.')
  return Buffer.from(cursor, 'base64url').readBigInt64BE()
}

const likePattern = (text: string): string => `%${text.replace(/[\\%_]/g, '\\$&')}%`
/** One phrase, whatever stands in it. */
const phrase = (text: string): string => `"${text.replaceAll('"', '""')}"`
/** The index of texts knows nothing shorter, characters. */
const shortestPhrase = 3

/** So many are gathered and put in order rather than met by walking back through everybody's. */
const fewEnough = 50_000
/** So many are read rather than looked up by what they say. */
const fewToRead = 5000

const mostOf64 = (1n << 63n) - 1n

export const createAuditSearch = (db: DatabaseSync, groups: AuditGroups) => {
  const fetch = db.prepare('select record from records where id = ?')
  /** Numbers of one more than the page has, by the way that looks at the fewest records. */
  const idsOf = (query: AuditQuery): readonly bigint[] => {
    const cursor = query.cursor === undefined ? mostOf64 : parseCursor(query.cursor)
    const { ids, count } = groups.matching(query)
    if (ids.length === 0) return []
    const { text } = query
    const from = query.since === undefined ? -mostOf64 : firstId(query.since)
    const until = query.until === undefined ? mostOf64 : firstId(query.until)
    const range = [from, until < cursor ? until : cursor]
    const among = JSON.stringify(ids)
    const inGroups = 'grp in (select value from json_each(?))'
    // With its sign it is looked at beside each record, and not looked up there once for each group.
    const ofGroups = `+${inGroups}`
    const ask = (sql: string, ...values: readonly SQLInputValue[]): readonly bigint[] => {
      const statement = db.prepare(`${sql} desc limit ?`)
      statement.setReadBigInts(true)
      return statement.all(...values, query.limit + 1).map(({ id }) => id as bigint)
    }
    const says = text === undefined ? [] : [likePattern(text)]
    const like = "text like ? escape '\\'"
    if (text !== undefined && [...text].length >= shortestPhrase && count > fewToRead)
      return ask(
        `select texts.rowid as id from texts cross join records indexed by records_walk on records.id = texts.rowid
         where texts match ? and texts.rowid >= ? and texts.rowid < ? and ${ofGroups}
         order by texts.rowid`,
        phrase(text),
        ...range,
        among,
      )
    if (count <= fewEnough)
      return ask(
        `select id from records indexed by records_group where ${inGroups} and id >= ? and id < ?
         ${text === undefined ? '' : `and exists (select 1 from said where said.id = records.id and ${like})`}
         order by id`,
        among,
        ...range,
        ...says,
      )
    return ask(
      text === undefined
        ? `select id from records indexed by records_walk where id >= ? and id < ? and ${ofGroups} order by id`
        : `select id from said where id >= ? and id < ? and ${ofGroups} and ${like} order by id`,
      ...range,
      among,
      ...says,
    )
  }
  return (query: AuditQuery): AuditPage => {
    const ids = idsOf(query)
    const shown = ids.slice(0, query.limit)
    const last = shown.at(-1)
    return {
      records: shown.map((id) => auditRecord.parse(JSON.parse(String(fetch.get(id)?.record)))),
      // Of a record that is shown: nothing is told of those that are not.
      cursor: ids.length > shown.length && last !== undefined ? formatCursor(last) : null,
    }
  }
}
