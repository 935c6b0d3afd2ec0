/** The reading side of a feed: the snapshot, then lines as they are written. */
import { constants } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { SeneschalError } from '../protocol/errors.ts'
import { type FeedLine, type FeedSnapshot, feedLine, segmentName } from '../protocol/feed.ts'
import { firstOf, listSegments, readEpoch, readSnapshot } from './feed-files.ts'
import { listPacked, readPacked } from './feed-packed.ts'
import { isAbsent } from './files.ts'
import { closeFile, createLineReader, type Line, type LineReader, openFile, statFile } from './lines.ts'
import { runOnChange } from './watch.ts'

export type FollowSettings = {
  readonly dir: string
  /** Continue after this line; a reset comes first where that is not possible. Without it: begin with a reset. */
  readonly since?: number | undefined
  /** The epoch that `since` is of. */
  readonly epoch?: string | undefined
  /** What a missed wake-up costs at most, ms. */
  readonly pollMs: number
  /** Forget everything; these are all rows, as they were after line `seq`. Reading waits for what it returns. */
  readonly onReset: (rows: FeedSnapshot['rows'], seq: number, epoch: string) => void | Promise<void>
  /** One or more lines in order, without gaps after the last reset. Reading waits for what it returns. */
  readonly onLines: (lines: readonly FeedLine[]) => void | Promise<void>
  /** Once after each reset or continuation: all lines that stood there by then were given. */
  readonly onCurrent?: (() => void) | undefined
  /** Told when the feed cannot be read (`feed.unavailable`), and with null when it can again. */
  readonly onProblem: (error: Error | null) => void
  readonly signal: AbortSignal
}

const unavailable = (why: string, cause?: unknown): SeneschalError =>
  new SeneschalError('feed.unavailable', why, { cause })

const parseText = (text: string): FeedLine | undefined => {
  try {
    const parsed = feedLine.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}
const parseLine = (line: Line): FeedLine | undefined => parseText(line.bytes.toString('utf8'))

/** A writer puts version and number first, so that lines to be skipped need not be parsed. */
const seqOf = (line: Line): number => {
  const match = /^\{"v":\d+,"seq":(\d+),/.exec(line.bytes.toString('latin1', 0, 48))
  return match === null ? (parseLine(line)?.seq ?? Number.NaN) : Number(match[1])
}

type Segment = { readonly file: string; readonly fd: number; readonly reader: LineReader }

const openSegment = async (dir: string, file: string, offset = 0): Promise<Segment> => {
  const fd = await openFile(join(dir, file), constants.O_RDONLY | constants.O_NOFOLLOW)
  return { file, fd, reader: createLineReader(fd, offset) }
}

/** The segment in which line `seq` stands or will stand. */
const segmentOf = async (dir: string, seq: number): Promise<string | undefined> =>
  (await listSegments(dir)).findLast((file) => firstOf(file) <= seq)

/** Follows until the signal is aborted; then resolves. Never rejects: what goes wrong is told and tried again. */
export const followFeed = async (settings: FollowSettings): Promise<void> => {
  const { dir, signal } = settings
  let epoch: string | undefined
  /** The last line delivered or covered by the reset; undefined while there is no place to go on from. */
  let seq: number | undefined
  let segment: Segment | undefined
  let since = settings.since
  let current = false
  /** A line that made no sense: read again once (it may have been half replaced), then only a newer snapshot helps. */
  let suspect: number | undefined
  let stuck: { readonly epoch: string; readonly seq: number } | undefined

  const leave = async (): Promise<void> => {
    const left = segment
    segment = undefined
    if (left !== undefined) await closeFile(left.fd)
  }
  const lose = async (): Promise<void> => {
    seq = undefined
    await leave()
  }

  const deliver = async (lines: readonly Line[]): Promise<void> => {
    if (seq === undefined) return
    const batch: FeedLine[] = []
    let last = seq
    for (const line of lines) {
      if (seqOf(line) <= last) continue
      const parsed = parseLine(line)
      if (parsed?.seq !== last + 1) {
        await distrust(last + 1, line.end - line.bytes.length - 1)
        break
      }
      batch.push(parsed)
      last = parsed.seq
    }
    if (batch.length === 0) return
    if (seq !== undefined) seq = last
    await settings.onLines(batch)
  }

  const distrust = async (bad: number, offset: number): Promise<void> => {
    if (segment === undefined || epoch === undefined) return
    if (suspect !== bad) {
      suspect = bad
      segment = { ...segment, reader: createLineReader(segment.fd, offset) }
      return
    }
    stuck = { epoch, seq: bad }
    await lose()
  }

  const nextSegment = async (): Promise<boolean> => {
    if (seq === undefined) return false
    const file = segmentName(seq + 1)
    if (segment?.file === file) return false
    try {
      const next = await openSegment(dir, file)
      await leave()
      segment = next
      return true
    } catch (thrown) {
      if (isAbsent(thrown)) return false
      throw thrown
    }
  }

  const drain = async (): Promise<void> => {
    while (seq !== undefined && !signal.aborted) {
      const lines = segment === undefined ? [] : await segment.reader.next()
      if (lines.length > 0) await deliver(lines)
      else if (!(await nextSegment())) break
    }
    if (current || seq === undefined || signal.aborted) return
    current = true
    settings.onCurrent?.()
  }

  /** Whether what we read is still what stands there under our epoch. */
  const valid = async (): Promise<boolean> => {
    if (seq === undefined || (await readEpoch(dir)) !== epoch) return false
    if (segment === undefined) return true
    const { size, ino } = await statFile(segment.fd)
    if (size < segment.reader.offset()) return false
    try {
      return (await stat(join(dir, segment.file))).ino === ino
    } catch (thrown) {
      if (!isAbsent(thrown)) throw thrown
      // Removed by retention, which leaves the last one: we read it to its end, and go on only where its next still is.
      const next = seq + 1
      return (await listSegments(dir)).some((file) => firstOf(file) === next)
    }
  }

  /** Go on after `since`, if the feed still has that line under the same numbering. */
  const resume = async (current: string): Promise<boolean> => {
    const wanted = since
    since = undefined
    if (wanted === undefined || (settings.epoch !== undefined && settings.epoch !== current)) return false
    if (wanted === 0) {
      const oldest = (await listSegments(dir))[0]
      if (oldest === undefined || firstOf(oldest) !== 1) return false
      seq = 0
      return true
    }
    const file = await segmentOf(dir, wanted)
    if (file === undefined) return false
    segment = await openSegment(dir, file)
    for (let lines = await segment.reader.next(); lines.length > 0; lines = await segment.reader.next()) {
      const found = lines.find((line) => seqOf(line) === wanted)
      if (found === undefined) continue
      segment = { ...segment, reader: createLineReader(segment.fd, found.end) }
      seq = wanted
      return true
    }
    await leave()
    return false
  }

  const begin = async (): Promise<void> => {
    current = false
    const present = await readEpoch(dir)
    if (present === undefined) throw unavailable('It is not there yet.')
    epoch = present
    if (await resume(present)) return
    const snapshot = await readSnapshot(dir)
    const covered = snapshot?.seq ?? 0
    if (stuck?.epoch === present && covered < stuck.seq)
      throw unavailable(`Line ${stuck.seq} makes no sense; waiting for a newer snapshot.`)
    const file = await segmentOf(dir, covered + 1)
    if (file === undefined && (await listSegments(dir)).length > 0)
      throw unavailable(`Lines from ${covered + 1} on are missing; waiting for a newer snapshot.`)
    segment = file === undefined ? undefined : await openSegment(dir, file)
    seq = covered
    stuck = undefined
    await settings.onReset(snapshot?.rows ?? [], covered, present)
  }

  const pump = async (): Promise<void> => {
    try {
      if (seq === undefined) await begin()
      await drain()
      if (signal.aborted || (await valid())) return
      await lose()
      await begin()
      await drain()
    } catch (thrown) {
      if (thrown instanceof SeneschalError && thrown.code === 'feed.unavailable') throw thrown
      // Also what a callback threw: it gets everything anew rather than nothing of what it missed.
      await lose()
      throw unavailable(thrown instanceof Error ? thrown.message : String(thrown), thrown)
    }
  }

  await runOnChange({ path: dir, pollMs: settings.pollMs, run: pump, onProblem: settings.onProblem, signal })
  await leave()
}

/** Lines of one segment, wherever it stands by now; nothing where retention has removed it. */
async function* readSegment(dir: string, file: string, fromSeq: number): AsyncGenerator<readonly FeedLine[]> {
  const isLine = (line: FeedLine | undefined): line is FeedLine => line !== undefined && line.seq >= fromSeq
  let segment: Segment | undefined
  try {
    segment = await openSegment(dir, file)
  } catch (thrown) {
    if (!isAbsent(thrown)) throw thrown
  }
  if (segment === undefined) {
    try {
      for await (const lines of readPacked(dir, file)) {
        const batch = lines.map(parseText).filter(isLine)
        if (batch.length > 0) yield batch
      }
    } catch (thrown) {
      if (!isAbsent(thrown)) throw thrown
    }
    return
  }
  try {
    for (let lines = await segment.reader.next(); lines.length > 0; lines = await segment.reader.next()) {
      const batch = lines
        .filter((line) => !(seqOf(line) < fromSeq))
        .map(parseLine)
        .filter(isLine)
      if (batch.length > 0) yield batch
    }
  } finally {
    await closeFile(segment.fd)
  }
}

/** All retained lines from `fromSeq` on, in batches; ends at what is written by now. Tolerates gaps. */
export async function* readHistory(dir: string, fromSeq: number): AsyncGenerator<readonly FeedLine[]> {
  // A segment may stand there packed and not.
  const files = [...new Set([...(await listPacked(dir)), ...(await listSegments(dir))])].sort()
  const start = Math.max(
    0,
    files.findLastIndex((file) => firstOf(file) <= fromSeq),
  )
  for (const file of files.slice(start)) yield* readSegment(dir, file, fromSeq)
}
