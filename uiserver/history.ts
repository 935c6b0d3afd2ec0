/**
 * Every job there was, months back: an SQLite table in the account's state directory, made from the feed's lines and
 * made again from them whenever it is missing, damaged or of another feed.
 */
import type { SQLInputValue } from 'node:sqlite'
import { setImmediate as turn } from 'node:timers/promises'
import { readHistory } from '../durable/feed-follower.ts'
import type { FeedLine, FeedSnapshot } from '../protocol/feed.ts'
import { type JobRow, jobRow } from '../protocol/rows.ts'
import { isDamage, openHistoryDatabase } from './history-database.ts'

export type JobQuery = {
  /** Any of these. */
  readonly workflows: readonly string[]
  readonly cycle?: string | undefined
  readonly task?: string | undefined
  readonly state?: string | undefined
  /** A cursor of an earlier page. */
  readonly before?: string | undefined
  readonly limit: number
}
export type JobPage = { readonly jobs: readonly JobRow[]; readonly cursor: string | null }

export type History = {
  /** Newest first. Undefined for a cursor that is none. */
  readonly jobs: (query: JobQuery) => JobPage | undefined
  readonly job: (key: string) => JobRow | undefined
  /** The last line that it contains. */
  readonly seq: () => number
  /** A feed as it is now begins here: what is missing before is read, then the snapshot's jobs are added. */
  readonly reset: (rows: FeedSnapshot['rows'], epoch: string) => void
  readonly offer: (lines: readonly FeedLine[]) => void
  /** Resolves when nothing more is to be read. */
  readonly settled: () => Promise<void>
  readonly close: () => Promise<void>
}

export type HistorySettings = {
  /** A file in a private directory, or `:memory:`. */
  readonly file: string
  readonly feed: string
  readonly onProblem: (error: unknown) => void
  /** After a failure that may pass, such as a full disk, ms; 30 s. */
  readonly retryMs?: number
}

/** Rows written before the loop gets its turn. */
const rowsPerTurn = 200

const cursorPattern = /^(\d{1,15})\.(\d{1,15})$/

export const openHistory = (settings: HistorySettings): History => {
  const { file, feed, onProblem } = settings
  let open = openHistoryDatabase(file, onProblem)
  let remade = false
  let { epoch, seq } = open.source
  /** Of the feed as it is now: another one than `epoch` until that was begun. */
  let wantedEpoch = epoch
  /** What the last reset said and is not contained yet. */
  let pending: FeedSnapshot['rows'] | undefined
  let wanted = false
  let reading: Promise<void> | undefined
  let retry: NodeJS.Timeout | undefined
  const closing = new AbortController()

  const write = (rows: FeedSnapshot['rows'], at: number): void => {
    for (const { kind, key, row } of rows) {
      if (kind !== 'job') continue
      const parsed = jobRow.safeParse(row)
      if (!parsed.success) continue
      const job = parsed.data
      const first = Math.trunc(job.submittedAt ?? job.startedAt ?? at)
      open.put.run(key, job.workflow, job.cycle, job.task, job.state, first, JSON.stringify(job))
    }
  }
  const inTransaction = (run: () => void): void => {
    open.database.exec('BEGIN')
    try {
      run()
      open.database.exec('COMMIT')
    } catch (thrown) {
      if (open.database.isTransaction) open.database.exec('ROLLBACK')
      throw thrown
    }
  }
  const startOver = (newEpoch: string): void => {
    inTransaction(() => {
      open.database.exec('DELETE FROM jobs; DELETE FROM source')
      open.database.prepare('INSERT INTO source (epoch, seq) VALUES (?, 0)').run(newEpoch)
    })
    epoch = newEpoch
    seq = 0
  }
  /** Lines and their number in one transaction. */
  const take = (lines: readonly FeedLine[]): void => {
    const last = lines.at(-1)?.seq
    if (last === undefined) return
    inTransaction(() => {
      for (const line of lines) write(line.put, line.at)
      open.mark.run(last)
    })
    seq = last
  }

  const pieces = function* (lines: readonly FeedLine[]): Generator<readonly FeedLine[]> {
    let piece: FeedLine[] = []
    let rows = 0
    for (const line of lines) {
      piece.push(line)
      rows += line.put.length + 1
      if (rows < rowsPerTurn) continue
      yield piece
      piece = []
      rows = 0
    }
    yield piece
  }

  const catchUp = async (): Promise<void> => {
    while (wanted && !closing.signal.aborted) {
      wanted = false
      if (epoch !== wantedEpoch) startOver(wantedEpoch)
      const of = { epoch, open }
      const isOver = () => closing.signal.aborted || wantedEpoch !== of.epoch || open !== of.open
      for await (const lines of readHistory(feed, seq + 1)) {
        for (const piece of pieces(lines.filter((line) => line.seq > seq))) {
          if (isOver()) break
          take(piece)
          await turn()
        }
        if (isOver()) break
      }
      const rows = pending
      if (rows === undefined || isOver()) continue
      // Jobs whose lines are no longer kept; where the lines were read, they say the same or something newer.
      addMissing(rows)
      pending = undefined
    }
  }
  const addMissing = (rows: FeedSnapshot['rows']): void => {
    const known = open.database.prepare('SELECT 1 FROM jobs WHERE key = ?')
    const missing = rows.filter(({ kind, key }) => kind === 'job' && known.get(key) === undefined)
    inTransaction(() => write(missing, 0))
  }

  const wake = (): void => {
    wanted = true
    if (retry !== undefined) return
    reading ??= catchUp()
      .catch(failed)
      .finally(() => {
        reading = undefined
        if (wanted && !closing.signal.aborted) wake()
      })
  }
  /** Away with a file that broke, and everything is read again; once, then memory has to do. */
  const remake = (): void => {
    open.database.close()
    open = remade
      ? openHistoryDatabase(':memory:', onProblem)
      : openHistoryDatabase(file, onProblem, { anew: true })
    remade = true
    epoch = open.source.epoch
    seq = 0
    wake()
  }
  const tryLater = (): void => {
    wanted = true
    retry ??= setTimeout(() => {
      retry = undefined
      wake()
    }, settings.retryMs ?? 30_000).unref()
  }
  const failed = (thrown: unknown): void => {
    onProblem(thrown)
    if (closing.signal.aborted) return
    if (isDamage(thrown)) remake()
    else tryLater()
  }

  /** A question to a file that broke fails; the next one is answered from the new one. */
  const guarded = <T>(ask: () => T): T => {
    try {
      return ask()
    } catch (thrown) {
      failed(thrown)
      throw thrown
    }
  }

  const jobs = (query: JobQuery): JobPage | undefined => {
    const conditions: string[] = [`workflow IN (${query.workflows.map(() => '?').join(', ')})`]
    const values: SQLInputValue[] = [...query.workflows]
    for (const name of ['cycle', 'task', 'state'] as const) {
      const value = query[name]
      if (value === undefined) continue
      conditions.push(`${name} = ?`)
      values.push(value)
    }
    if (query.before !== undefined) {
      const match = cursorPattern.exec(query.before)
      if (match === null) return undefined
      conditions.push('(at, id) < (?, ?)')
      values.push(Number(match[1]), Number(match[2]))
    }
    const found = open.database
      .prepare(
        `SELECT id, at, row FROM jobs WHERE ${conditions.join(' AND ')} ORDER BY at DESC, id DESC LIMIT ?`,
      )
      .all(...values, query.limit + 1)
    const page = found.slice(0, query.limit)
    const last = page.at(-1)
    return {
      jobs: page.map(({ row }) => JSON.parse(String(row)) as JobRow),
      cursor: found.length > query.limit && last !== undefined ? `${last.at}.${last.id}` : null,
    }
  }

  const job = (key: string): JobRow | undefined => {
    const found = open.database.prepare('SELECT row FROM jobs WHERE key = ?').get(key)
    return found === undefined ? undefined : (JSON.parse(String(found.row)) as JobRow)
  }

  return {
    jobs: (query) => guarded(() => jobs(query)),
    job: (key) => guarded(() => job(key)),
    seq: () => seq,
    reset: (rows, newEpoch) => {
      wantedEpoch = newEpoch
      pending = rows.filter(({ kind }) => kind === 'job')
      wake()
    },
    offer: (lines) => {
      const first = lines[0]
      if (first === undefined) return
      if (reading !== undefined || epoch !== wantedEpoch || first.seq !== seq + 1) return wake()
      try {
        take(lines)
      } catch (thrown) {
        failed(thrown)
      }
    },
    settled: async () => {
      while (reading !== undefined) await reading
    },
    close: async () => {
      closing.abort()
      clearTimeout(retry)
      await reading
      open.database.close()
    },
  }
}
