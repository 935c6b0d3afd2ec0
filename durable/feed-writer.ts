/** The writing side of a feed (protocol/feed.ts). A view of the journal: ordered, not synced, rebuilt if lost. */
import { constants, fchmod, fchown } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type FeedLine, feedVersion, packedName, segmentName, snapshotName } from '../protocol/feed.ts'
import { type Disk, realDisk } from './disk.ts'
import { firstOf, listSegments, readSnapshot, restoreFeed } from './feed-files.ts'
import { listPacked, packSegment } from './feed-packed.ts'
import { ensureDir, writeFileAtomic } from './files.ts'
import { jsonInTurns } from './json-in-turns.ts'
import { closeFile, openFile } from './lines.ts'

type Put = FeedLine['put'][number]
type Drop = FeedLine['drop'][number]

export type FeedWriter = {
  /** Changes only when the feed was numbered anew. */
  readonly epoch: string
  /** The last line given to `append`, or what was found at opening; zeros in an empty feed. */
  readonly last: () => { readonly seq: number; readonly journal: number }
  /**
   * Buffered and written in order. While the disk is full nothing is dropped, and little piles up: what is not in the
   * journal never comes here.
   */
  readonly append: (change: {
    readonly journal: number
    readonly at: number
    readonly put: readonly Put[]
    readonly drop: readonly Drop[]
  }) => void
  /** All rows after everything appended so far. Lines before it are written first. */
  readonly writeSnapshot: (rows: readonly Put[], journal: number, at: number) => Promise<void>
  /** Resolves when everything appended so far can be read; rejects with what prevents it. */
  readonly flush: () => Promise<void>
  /** Packs segments last written before this time (epoch ms) that the snapshot covers: nobody follows them any more. */
  readonly pack: (beforeAt: number) => Promise<void>
  /** Removes segments last written before this time (epoch ms) that the snapshot covers, packed or not. */
  readonly prune: (beforeAt: number) => Promise<void>
  readonly close: () => Promise<void>
}

export type FeedWriterSettings = {
  readonly dir: string
  readonly dirMode: number
  readonly fileMode: number
  readonly gid?: number | undefined
  /**
   * Last number of the journal that the feed is a view of. A feed that is ahead of it comes from another journal
   * (a backup was restored): it starts over with a new epoch.
   */
  readonly journal?: number | undefined
  readonly segmentBytes?: number | undefined
  readonly disk?: Disk | undefined
  /** Told when writing begins to fail, and with null when it works again. */
  readonly onProblem?: ((error: Error | null) => void) | undefined
}

const chownFile = promisify(fchown)
const chmodFile = promisify(fchmod)
const retryMs = 1000
const writeBytes = 1024 * 1024
/** A snapshot begins a new segment once the present one is this large: followers then skip nothing. */
const rollAtSnapshot = 1024 * 1024

export const openFeedWriter = async (settings: FeedWriterSettings): Promise<FeedWriter> => {
  const { dir, fileMode, gid, segmentBytes = 8 * 1024 * 1024, disk = realDisk } = settings
  const onProblem = settings.onProblem ?? (() => undefined)
  const fileSettings = { mode: fileMode, gid, fsync: false }
  await ensureDir(dir, { mode: settings.dirMode, gid })

  const { epoch, end } = await restoreFeed(dir, settings.journal, fileSettings)
  let last = end.last
  let file = end.file
  let size = end.size
  let fd: number | undefined
  let rollNext = false
  const buffered: { readonly seq: number; readonly text: string }[] = []
  let writing: Promise<void> | undefined
  let problem: Error | null = null
  let retry: NodeJS.Timeout | undefined
  let closed = false

  const openSegment = async (name: string, from: number): Promise<number> => {
    if (fd !== undefined) await closeFile(fd)
    fd = undefined
    const { O_CREAT, O_RDWR, O_NOFOLLOW } = constants
    const opened = await openFile(join(dir, name), O_CREAT | O_RDWR | O_NOFOLLOW, 0o600)
    fd = opened
    if (gid !== undefined) await chownFile(opened, -1, gid)
    await chmodFile(opened, fileMode)
    await disk.truncate(opened, from)
    file = name
    size = from
    rollNext = false
    return opened
  }

  const writeBatch = async (): Promise<void> => {
    const seq = buffered[0]?.seq ?? 0
    const roll = file === undefined || size >= segmentBytes || (rollNext && size > 0)
    const target = roll
      ? await openSegment(segmentName(seq), 0)
      : (fd ?? (await openSegment(file ?? segmentName(seq), size)))
    let count = 0
    let text = ''
    for (const line of buffered) {
      if (count > 0 && text.length > writeBytes) break
      text += line.text
      count += 1
    }
    const bytes = Buffer.from(text)
    try {
      await disk.write(target, bytes, size)
    } catch (thrown) {
      // Half a line must not stay: the next try begins with a fresh descriptor, truncated to `size`.
      await Promise.allSettled([closeFile(target)])
      fd = undefined
      throw thrown
    }
    size += bytes.length
    buffered.splice(0, count)
  }

  const report = (error: Error | null): void => {
    if (problem === null && error === null) return
    const first = problem === null || error === null
    problem = error
    if (first) onProblem(error)
  }

  const drain = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve))
    try {
      while (buffered.length > 0) await writeBatch()
      report(null)
    } catch (thrown) {
      report(thrown instanceof Error ? thrown : new Error(String(thrown)))
      if (!closed) retry = setTimeout(start, retryMs).unref()
    }
    writing = undefined
  }
  const start = (): void => {
    clearTimeout(retry)
    if (buffered.length > 0) writing ??= drain()
  }

  /** Whole segments that the snapshot covers, last written before this time, the oldest first; never the last one. */
  const coveredBefore = async (beforeAt: number): Promise<readonly string[]> => {
    const covered = (await readSnapshot(dir))?.seq ?? 0
    const segments = await listSegments(dir)
    const names: string[] = []
    for (const [index, name] of segments.entries()) {
      const next = segments[index + 1]
      if (next === undefined || firstOf(next) > covered + 1) break
      if ((await stat(join(dir, name))).mtimeMs >= beforeAt) break
      names.push(name)
    }
    return names
  }

  const flush = async (): Promise<void> => {
    start()
    await writing
    if (buffered.length > 0 && problem !== null) throw problem
  }

  return {
    epoch,
    last: () => last,
    append: ({ journal, at, put, drop }) => {
      const seq = last.seq + 1
      const line: FeedLine = { v: feedVersion, seq, journal, at, put, drop }
      last = { seq, journal }
      buffered.push({ seq, text: `${JSON.stringify(line)}\n` })
      if (problem === null) start()
    },
    writeSnapshot: async (rows, journal, at) => {
      const { seq } = last
      const text = await jsonInTurns({ v: feedVersion, seq, journal, at, rows })
      await flush()
      await writeFileAtomic(join(dir, snapshotName), text, fileSettings)
      rollNext ||= size >= rollAtSnapshot
    },
    flush,
    pack: async (beforeAt) => {
      for (const name of await coveredBefore(beforeAt)) await packSegment(dir, name, fileSettings)
    },
    prune: async (beforeAt) => {
      for (const name of (await listPacked(dir)).map(packedName)) {
        if ((await stat(join(dir, name))).mtimeMs >= beforeAt) break
        await rm(join(dir, name))
      }
      for (const name of await coveredBefore(beforeAt)) await rm(join(dir, name))
    },
    close: async () => {
      closed = true
      try {
        await flush()
      } finally {
        if (fd !== undefined) await closeFile(fd)
        fd = undefined
      }
    },
  }
}
