/** An audit record as a line: which bytes are hashed, and what a line must look like to be one of ours. */
import { createHash } from 'node:crypto'
import {
  type AuditEntry,
  type AuditRecord,
  auditLimits,
  auditRecord,
  auditSentence,
  visible,
} from '../protocol/audit.ts'
import { SeneschalError } from '../protocol/errors.ts'

/** What the first record of a chain is chained to. */
export const genesis = '0'.repeat(64)

type Body = Omit<AuditRecord, 'hash'>
const { hash: _hash, ...bodyShape } = auditRecord.def.innerType.shape
/** Order of the schema: the one order in which records are hashed and written. */
const bodyKeys = Object.keys(bodyShape) as readonly (keyof Body)[]

const limitOf = (key: string): number | undefined =>
  Object.hasOwn(auditLimits, key) ? auditLimits[key as keyof typeof auditLimits] : undefined

/** Nothing that moves a cursor, changes direction or breaks a line reaches the log, at any depth. */
const harmless = (value: unknown): unknown => {
  if (typeof value === 'string') return visible(value)
  if (Array.isArray(value)) return value.map(harmless)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [visible(key), harmless(inner)]))
}

const cut = (text: string, limit: number): string =>
  text.length <= limit ? text : `${text.slice(0, limit - 1).toWellFormed()}…`

const bodyText = (body: Body): string =>
  JSON.stringify(Object.fromEntries(bodyKeys.map((key) => [key, body[key]])))

const hashOf = (previous: string, text: string): string =>
  createHash('sha256').update(previous).update(text).digest('hex')

/** A new record after `previous`, whole. Texts are made visible and cut to their limits. */
export const createRecord = (
  entry: AuditEntry,
  place: { readonly writer: string; readonly seq: number; readonly at: number; readonly previous: string },
): AuditRecord => {
  const said: Readonly<Record<string, unknown>> = {
    ...entry,
    time: new Date(place.at).toISOString(),
    writer: place.writer,
    seq: place.seq,
    sentence: auditSentence(entry),
  }
  const body = Object.fromEntries(
    bodyKeys.map((key) => {
      const value = harmless(said[key] ?? null)
      const limit = limitOf(key)
      return [key, typeof value === 'string' && limit !== undefined ? cut(value, limit) : value]
    }),
  ) as unknown as Body
  const parsed = auditRecord.safeParse({ ...body, hash: hashOf(place.previous, bodyText(body)) })
  if (!parsed.success) throw new SeneschalError('internal', undefined, { cause: parsed.error })
  return parsed.data
}

/** The record's line, without its newline. */
export const recordText = (record: AuditRecord): string =>
  `${bodyText(record).slice(0, -1)},"hash":${JSON.stringify(record.hash)}}`

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The record of a line. Only the exact bytes that `recordText` makes will do: a line that means the same to one
 * reader may mean something else to another (a key twice, an escape more).
 */
export const parseRecord = (bytes: Uint8Array): AuditRecord | undefined => {
  try {
    const text = decoder.decode(bytes)
    const parsed = auditRecord.safeParse(JSON.parse(text))
    return parsed.success && recordText(parsed.data) === text ? parsed.data : undefined
  } catch {
    return undefined
  }
}

export const follows = (record: AuditRecord, previous: string): boolean =>
  record.hash === hashOf(previous, bodyText(record))

export const formatHead = (seq: number, hash: string): string => `${seq}:${hash}`

export const parseHead = (head: string): { readonly seq: number; readonly hash: string } | undefined => {
  const match = /^(0|[1-9][0-9]{0,15}):([0-9a-f]{64})$/.exec(head)
  return match === null ? undefined : { seq: Number(match[1]), hash: match[2] ?? '' }
}

/** `hub/NAME` → the prefix of its files. */
const filePattern = /^audit-((?:hub|daemon)-[A-Za-z0-9_.-]{1,64})-([0-9]{8})\.ndjson$/
const slug = (writer: string): string => writer.replace('/', '-')

export const chainFile = (writer: string, day: string): string => `audit-${slug(writer)}-${day}.ndjson`

export const parseChainFile = (
  file: string,
): { readonly writer: string; readonly day: string } | undefined => {
  const match = filePattern.exec(file)
  return match === null ? undefined : { writer: (match[1] ?? '').replace('-', '/'), day: match[2] ?? '' }
}

/** `YYYYMMDD`, UTC. */
export const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10).replaceAll('-', '')
