/** The files of a feed, and how a writer finds its place in them again. */
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod/mini'
import { SeneschalError } from '../protocol/errors.ts'
import {
  epochName,
  type FeedSnapshot,
  feedEpoch,
  feedLine,
  feedSnapshot,
  feedVersion,
  packedName,
  segmentPattern,
  snapshotName,
} from '../protocol/feed.ts'
import { listPacked } from './feed-packed.ts'
import { type FileSettings, readJsonFile, writeFileAtomic } from './files.ts'
import { closeFile, lastLine, openFile } from './lines.ts'

export const firstOf = (file: string): number => Number(segmentPattern.exec(file)?.[1] ?? 0)

/** Oldest first. */
export const listSegments = async (dir: string): Promise<readonly string[]> =>
  (await readdir(dir)).filter((file) => segmentPattern.test(file)).sort()

const newer = z.object({ v: z.number().check(z.gt(feedVersion)) })

/** Not to be taken for damage, which is mended by starting over. */
const mustNotBeNewer = (value: unknown, path: string): void => {
  const read = newer.safeParse(value)
  if (read.success)
    throw new SeneschalError('format.newer', `${path} has version ${read.data.v}, not ${feedVersion}.`)
}

const readFeedFile = async <T>(path: string, schema: z.ZodMiniType<T>): Promise<T | undefined> => {
  const value = await readJsonFile(path, z.unknown())
  if (value === undefined) return undefined
  mustNotBeNewer(value, path)
  const parsed = z.safeParse(schema, value)
  if (parsed.success) return parsed.data
  throw new SeneschalError('input.invalid', `${path}: ${z.prettifyError(parsed.error)}`)
}

export const readEpoch = async (dir: string): Promise<string | undefined> =>
  (await readFeedFile(join(dir, epochName), feedEpoch))?.epoch

export const readSnapshot = (dir: string): Promise<FeedSnapshot | undefined> =>
  readFeedFile(join(dir, snapshotName), feedSnapshot)

export type Position = { readonly seq: number; readonly journal: number }
/** Where writing goes on; `file` is undefined where a new segment has to begin. */
export type FeedEnd = { readonly file: string | undefined; readonly size: number; readonly last: Position }

/** Where the last whole line of the last segment ends; undefined where the feed cannot be continued. */
const findEnd = async (dir: string): Promise<FeedEnd | undefined> => {
  const snapshot = await readSnapshot(dir)
  const covered: Position = { seq: snapshot?.seq ?? 0, journal: snapshot?.journal ?? 0 }
  const file = (await listSegments(dir)).at(-1)
  if (file === undefined) return { file, size: 0, last: covered }
  const fd = await openFile(join(dir, file), constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const line = await lastLine(fd)
    const value: unknown = line === undefined ? undefined : JSON.parse(line.bytes.toString('utf8'))
    mustNotBeNewer(value, join(dir, file))
    const parsed = line === undefined ? undefined : feedLine.safeParse(value)
    if (parsed?.success === false) return undefined
    const last = parsed?.data ?? { seq: firstOf(file) - 1, journal: covered.journal }
    // Lines that the snapshot covers were lost with the machine; a gap is not to be continued in the same file.
    if (last.seq < covered.seq) return { file: undefined, size: 0, last: covered }
    return { file, size: line?.end ?? 0, last: { seq: last.seq, journal: last.journal } }
  } finally {
    await closeFile(fd)
  }
}

const findReadableEnd = async (dir: string): Promise<FeedEnd | undefined> => {
  try {
    return await findEnd(dir)
  } catch (thrown) {
    // A view that makes no sense is rebuilt; an error of the disk, or a newer version's, is no reason to throw it away.
    if (thrown instanceof Error && 'errno' in thrown) throw thrown
    if (thrown instanceof SeneschalError && thrown.code === 'format.newer') throw thrown
    return undefined
  }
}

/**
 * The place to go on from. A feed without an epoch, that cannot be read, or that is ahead of its journal starts over:
 * the new epoch stands before anything old is removed, so that no follower takes old numbers for new ones.
 */
export const restoreFeed = async (
  dir: string,
  journal: number | undefined,
  settings: FileSettings,
): Promise<{ readonly epoch: string; readonly end: FeedEnd }> => {
  const known = await readEpoch(dir)
  const end = known === undefined ? undefined : await findReadableEnd(dir)
  if (known !== undefined && end !== undefined && (journal === undefined || end.last.journal <= journal))
    return { epoch: known, end }
  const epoch = randomUUID()
  const text = JSON.stringify({ v: feedVersion, epoch })
  await writeFileAtomic(join(dir, epochName), text, { ...settings, fsync: true })
  const packed = (await listPacked(dir)).map(packedName)
  for (const file of [snapshotName, ...(await listSegments(dir)), ...packed])
    await rm(join(dir, file), { force: true })
  return { epoch, end: { file: undefined, size: 0, last: { seq: 0, journal: 0 } } }
}
