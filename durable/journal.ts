/** An append-only journal: NDJSON segments `journal-<first seq>.ndjson` and one snapshot, private to one process. */
import { readdir, rm, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod/mini'
import { SeneschalError } from '../protocol/errors.ts'
import { type Disk, realDisk } from './disk.ts'
import { ensureDir, readJsonFile, syncDir, writeFileAtomic } from './files.ts'
import { createGroupCommit } from './group-commit.ts'
import {
  corrupt,
  eventLine,
  frameLine,
  type JournalEntry,
  measureSegment,
  readSegment,
  type Segment,
} from './journal-segment.ts'
import { jsonInTurns } from './json-in-turns.ts'

export type Journal<Event> = {
  /** Bytes of a write that a crash had left unfinished, cut off at opening. */
  readonly cut: number
  /** The last number given, also to events that are not durable yet; 0 before the first. */
  readonly lastSeq: () => number
  /**
   * Numbers the events at once, in the order of the calls, from `lastSeq() + 1` on; resolves with the number of the
   * last one when all are on disk. Appends that wait together share one sync. Rejects with `journal.unwritable`:
   * then none of them is in the journal, nor any that was appended meanwhile, and `lastSeq()` says so.
   */
  readonly append: (events: readonly Event[]) => Promise<number>
  /** Durable events from a number on. Throws `journal.corrupt` where they are not all there. */
  readonly read: (fromSeq: number) => AsyncIterable<JournalEntry<Event>>
  /**
   * Replaces the snapshot, durably; resolves with its size, bytes. `seq` = the last event that it contains, durable by
   * then. `data` must not change meanwhile.
   */
  readonly writeSnapshot: (seq: number, data: object) => Promise<number>
  readonly readSnapshot: () => Promise<{ readonly seq: number; readonly data: unknown } | undefined>
  /** Removes segments in which every event is before `beforeSeq`; the last one stays. */
  readonly prune: (beforeSeq: number) => Promise<void>
  /** Waits for appends under way. */
  readonly close: () => Promise<void>
}

export type JournalSettings<Event> = {
  /** Created 0700. */
  readonly dir: string
  /** What was read → an event; throws for what is none. Without it, events are taken as they are. */
  readonly parse?: ((event: unknown) => Event) | undefined
  readonly disk?: Disk | undefined
  /** A segment is left when it has grown to this, bytes. */
  readonly segmentBytes?: number | undefined
}

const snapshotVersion = 1
const segmentPattern = /^journal-([0-9]{12})\.ndjson$/
const segmentName = (firstSeq: number): string => `journal-${String(firstSeq).padStart(12, '0')}.ndjson`
const snapshotSchema = z.strictObject({ v: z.literal(snapshotVersion), seq: z.number(), data: z.unknown() })

/** The last event that a journal's snapshot contains; 0 without one. Needs nothing but the directory. */
export const snapshotSeqOf = async (dir: string): Promise<number> =>
  (await readJsonFile(join(dir, 'snapshot.json'), snapshotSchema))?.seq ?? 0

const listSegments = async (dir: string): Promise<readonly Segment[]> =>
  (await readdir(dir))
    .flatMap((file) => {
      const match = segmentPattern.exec(file)
      return match === null ? [] : [{ file, first: Number(match[1]) }]
    })
    .sort((a, b) => a.first - b.first)

export const openJournal = async <Event>(settings: JournalSettings<Event>): Promise<Journal<Event>> => {
  const { dir, segmentBytes = 16 * 1024 * 1024 } = settings
  const parse = settings.parse ?? ((event: unknown) => event as Event)
  await ensureDir(dir, { mode: 0o700 })
  const segments = [...(await listSegments(dir))]
  const newest = segments.at(-1)
  const found = newest === undefined ? { lastSeq: 0, end: 0 } : await measureSegment(dir, newest)
  const cut = newest === undefined ? 0 : (await stat(join(dir, newest.file))).size - found.end
  if (newest !== undefined && cut > 0) await truncate(join(dir, newest.file), found.end)

  const readSnapshot = async () => {
    const snapshot = await readJsonFile(join(dir, 'snapshot.json'), snapshotSchema)
    return snapshot === undefined ? undefined : { seq: snapshot.seq, data: snapshot.data }
  }
  const covered = (await readSnapshot())?.seq ?? 0
  if (covered > found.lastSeq) throw corrupt('snapshot.json', found.lastSeq + 1, 'missing in the segments.')

  let durableSeq = found.lastSeq
  let lastSeq = found.lastSeq
  /** The segment that is written to; it may not exist yet. */
  let current = newest ?? { file: segmentName(1), first: 1 }
  let currentBytes = found.end

  const commits = createGroupCommit({
    dir,
    disk: settings.disk ?? realDisk,
    end: newest === undefined ? undefined : { file: newest.file, size: found.end },
    seal: frameLine,
    onLost: () => {
      const end = commits.durable()
      lastSeq = durableSeq
      segments.splice(segments.findLastIndex(({ file }) => file === end?.file) + 1)
      current = segments.at(-1) ?? { file: segmentName(1), first: 1 }
      currentBytes = end?.size ?? 0
    },
  })

  const append = async (events: readonly Event[]): Promise<number> => {
    if (events.length === 0) return lastSeq
    if (currentBytes >= segmentBytes) {
      current = { file: segmentName(lastSeq + 1), first: lastSeq + 1 }
      currentBytes = 0
    }
    let text = ''
    let seq = lastSeq
    for (const event of events) {
      seq += 1
      text += eventLine(seq, event)
    }
    const bytes = Buffer.from(text)
    lastSeq = seq
    currentBytes += bytes.length
    const segment = current
    if (segments.at(-1)?.file !== segment.file) segments.push(segment)
    try {
      await commits.append(segment.file, bytes)
    } catch (cause) {
      throw new SeneschalError('journal.unwritable', undefined, { cause })
    }
    durableSeq = seq
    return seq
  }

  async function* read(fromSeq: number): AsyncGenerator<JournalEntry<Event>> {
    const until = durableSeq
    const end = commits.durable()
    if (fromSeq > until) return
    const start = segments.findLastIndex(({ first }) => first <= fromSeq)
    if (start === -1) throw corrupt(dir, fromSeq, 'no longer kept.')
    let expected = fromSeq
    for (const segment of segments.slice(start)) {
      if (segment.first > until) break
      const limit = segment.file === end?.file ? end.size : undefined
      for await (const { seq, event } of readSegment(dir, segment, { end: limit })) {
        if (seq < expected) continue
        if (seq !== expected) throw corrupt(segment.file, expected, 'missing.')
        yield { seq, event: parse(event) }
        if (seq === until) return
        expected += 1
      }
    }
    throw corrupt(dir, expected, 'missing.')
  }

  return {
    cut,
    lastSeq: () => lastSeq,
    append,
    read,
    readSnapshot,
    writeSnapshot: async (seq, data) => {
      if (seq > durableSeq) throw new RangeError(`event ${seq} is not durable yet`)
      let bytes = 0
      async function* counted(): AsyncGenerator<Buffer> {
        for await (const piece of jsonInTurns({ v: snapshotVersion, seq, data })) {
          bytes += piece.length
          yield piece
        }
      }
      await writeFileAtomic(join(dir, 'snapshot.json'), counted(), { mode: 0o600 })
      return bytes
    },
    prune: async (beforeSeq) => {
      for (let next = segments[1]; next !== undefined && next.first <= beforeSeq; next = segments[1]) {
        const [oldest] = segments.splice(0, 1)
        if (oldest !== undefined) await rm(join(dir, oldest.file), { force: true })
      }
      await syncDir(dir)
    },
    close: commits.close,
  }
}
