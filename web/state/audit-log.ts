/**
 * One list out of two sources: what a search finds, newest first, and what is told live. Each record stands in it once,
 * and between the first and the last none is missing: what cannot be joined is read again.
 */
import { type ReadonlySignal, signal } from '@preact/signals'
import type { AuditBody } from '../../protocol/api.ts'
import type { AuditRecord } from '../../protocol/audit.ts'
import { type ApiError, asApiError } from './api.ts'

export type AuditLogParts = {
  /** A page towards older records. */
  readonly search: (
    cursor: string | undefined,
    limit: number,
    signal: AbortSignal,
  ) => Promise<Pick<AuditBody, 'records' | 'cursor'>>
}

export type AuditLog = {
  /** Newest first; undefined until the first page is there. */
  readonly records: ReadonlySignal<readonly AuditRecord[] | undefined>
  /** Came since and not shown yet: a list that somebody reads does not move. */
  readonly waiting: ReadonlySignal<readonly AuditRecord[]>
  /** So many came that `show` reads the newest again. */
  readonly behind: ReadonlySignal<boolean>
  readonly cursor: ReadonlySignal<string | null>
  readonly error: ReadonlySignal<ApiError | undefined>
  readonly busy: ReadonlySignal<boolean>
  readonly take: (records: readonly AuditRecord[]) => void
  readonly show: () => void
  /** Reads again as far down as is shown: after any moment in which nobody listened. */
  readonly renew: () => void
  readonly older: () => void
  readonly close: () => void
}

export const auditKey = ({ writer, seq }: Pick<AuditRecord, 'writer' | 'seq'>): string => `${writer}#${seq}`

const firstPage = 100
const laterPages = 500
/** Read again at most; who has more before them begins again with fewer. */
const mostReread = 2000
const mostWaiting = 500
/** What follows live at the top is cut back beyond. */
const mostFollowed = 2000

const keysOf = (records: readonly AuditRecord[]): ReadonlySet<string> => new Set(records.map(auditKey))
/** By time, newest first; records of one time stay as they were. */
const inOrder = (records: readonly AuditRecord[]): readonly AuditRecord[] =>
  records.toSorted((one, other) => (one.time === other.time ? 0 : one.time < other.time ? 1 : -1))

export const createAuditLog = ({ search }: AuditLogParts): AuditLog => {
  const records = signal<readonly AuditRecord[] | undefined>(undefined)
  const waiting = signal<readonly AuditRecord[]>([])
  const behind = signal(false)
  const cursor = signal<string | null>(null)
  const error = signal<ApiError | undefined>(undefined)
  const busy = signal(false)
  let asking = new AbortController()
  let closed = false

  /** Only the latest question counts. */
  const ask = async (work: (signal: AbortSignal) => Promise<void>): Promise<void> => {
    asking.abort()
    if (closed) return
    const mine = new AbortController()
    asking = mine
    busy.value = true
    try {
      await work(mine.signal)
      if (!mine.signal.aborted) error.value = undefined
    } catch (thrown) {
      if (!mine.signal.aborted) error.value = asApiError(thrown)
    } finally {
      if (asking === mine) busy.value = false
    }
  }
  /** What belongs below the last of the list comes with a later page. */
  const joins = (record: AuditRecord, list: readonly AuditRecord[]): boolean => {
    const last = list.at(-1)
    return cursor.peek() === null || last === undefined || record.time >= last.time
  }
  const read = (downTo: AuditRecord | undefined): Promise<void> =>
    ask(async (aborted) => {
      let page = await search(undefined, firstPage, aborted)
      const found = [...page.records]
      const reached = () => {
        const last = found.at(-1)
        return last === undefined || downTo === undefined || last.time < downTo.time
      }
      while (page.cursor !== null && !reached() && found.length < mostReread) {
        page = await search(page.cursor, laterPages, aborted)
        found.push(...page.records)
      }
      if (aborted.aborted) return
      const shown = downTo === undefined ? undefined : records.peek()?.[0]
      const known = keysOf(shown === undefined ? [] : (records.peek() ?? []))
      const isNewer = (record: AuditRecord) =>
        shown !== undefined && record.time >= shown.time && !known.has(auditKey(record))
      const told = keysOf(found)
      records.value = found.filter((record) => !isNewer(record))
      cursor.value = page.cursor
      behind.value = false
      const live = waiting.peek().filter((record) => !told.has(auditKey(record)) && joins(record, found))
      waiting.value = [...found.filter(isNewer), ...live]
    })
  const renew = (): void => void read(behind.peek() ? undefined : records.peek()?.at(-1))

  return {
    ...{ records, waiting, behind, cursor, error, busy, renew },
    take: (told) => {
      if (behind.peek()) return
      const known = keysOf([...waiting.peek(), ...(records.peek() ?? [])])
      const fresh = told.filter((record) => !known.has(auditKey(record)))
      if (fresh.length === 0) return
      behind.value = waiting.peek().length + fresh.length > mostWaiting
      waiting.value = behind.peek() ? [] : [...fresh.toReversed(), ...waiting.peek()]
    },
    show: () => {
      const list = records.peek()
      if (list === undefined) return
      if (behind.peek() || list.length + waiting.peek().length > mostFollowed) {
        // Once: until it is answered the list stands, and `take` goes on.
        if (!busy.peek()) void read(undefined)
        return
      }
      const fresh = waiting.peek().filter((record) => joins(record, list))
      waiting.value = []
      if (fresh.length > 0) records.value = inOrder([...fresh, ...list])
    },
    older: () => {
      const from = cursor.peek()
      if (from === null || busy.peek()) return
      void ask(async (aborted) => {
        const page = await search(from, firstPage, aborted)
        if (aborted.aborted) return
        const list = records.peek() ?? []
        const known = keysOf(list)
        records.value = inOrder([...list, ...page.records.filter((record) => !known.has(auditKey(record)))])
        cursor.value = page.cursor
      })
    },
    close: () => {
      closed = true
      asking.abort()
    },
  }
}
