/**
 * What the daemon tells a copier, and what copiers tell it and each other. A copier is a process beside the files: of
 * the service account on the site's side, of the account on its own. Where they differ there are two, the source
 * and the sink, joined by a stream: frames with data one way, lines of JSON the other.
 */
import { z } from 'zod/mini'
import { absolutePath } from './ids.ts'
import { relativePath } from './steps.ts'

const count = z.number().check(z.int(), z.nonnegative())
const digest = z.string().check(z.regex(/^[0-9a-f]{64}$/))

export const copyPlace = z.readonly(
  z.strictObject({
    /** A directory; `~` is the home of whoever runs the copier. */
    root: z.union([absolutePath, z.literal('~')]),
    path: relativePath,
  }),
)
export type CopyPlace = z.infer<typeof copyPlace>

const rules = {
  v: z.literal(1),
  overwrite: z.boolean(),
  /** Read what was written once more before it gets its name. */
  verify: z.boolean(),
  /** Keep the holes of files that have some. */
  sparse: z.boolean(),
  /** Links that lead out of what is copied, and pipes, sockets and devices. */
  foreign: z.enum(['refuse', 'skip']),
  /** A file with a second name may be somebody else's, linked here to be read by a mightier account. */
  oneName: z.boolean(),
  /** The same for the same copy of the same account: what was interrupted is found again by it. */
  key: digest,
}
export const copyOrder = z.discriminatedUnion('role', [
  z.strictObject({ role: z.literal('whole'), from: copyPlace, to: copyPlace, ...rules }),
  z.strictObject({ role: z.literal('source'), from: copyPlace, ...rules }),
  z.strictObject({ role: z.literal('sink'), to: copyPlace, ...rules }),
])
export type CopyOrder = z.infer<typeof copyOrder>
export type CopyRules = Omit<Extract<CopyOrder, { role: 'sink' }>, 'role' | 'to'>

/** Totals are null until the source was counted. */
export const copyCounts = z.readonly(
  z.strictObject({
    files: count,
    bytes: count,
    totalFiles: z.nullable(count),
    totalBytes: z.nullable(count),
  }),
)
export type CopyCounts = z.infer<typeof copyCounts>

/** What everybody may see of a copy under way: numbers only. */
export const copyProgress = z.readonly(
  z.strictObject({
    ...copyCounts.def.innerType.shape,
    /** Bytes per second, of late. */
    rate: z.number().check(z.nonnegative()),
    /** ms; null while nobody can tell. */
    left: z.nullable(count),
  }),
)
export type CopyProgress = z.infer<typeof copyProgress>

/** Longest line that a sink writes, bytes. */
export const copyLineLimit = 1024 * 1024

/** A sink's lines, and those of a copier that does both. */
export const copyLine = z.discriminatedUnion('kind', [
  /** What an earlier attempt left: files that stand there already, by path and stamp, and beginnings of files. */
  z.strictObject({
    kind: z.literal('found'),
    done: z.array(z.tuple([z.string(), z.string()])),
    begun: z.array(z.tuple([z.string(), count, digest])),
  }),
  /** After the last `found`. */
  z.strictObject({ kind: z.literal('ready') }),
  z.strictObject({ kind: z.literal('counts'), counts: copyCounts }),
  z.strictObject({ kind: z.literal('copied'), counts: copyCounts, skipped: count }),
  z.strictObject({
    kind: z.literal('failed'),
    code: z.string().check(z.maxLength(64)),
    detail: z.string().check(z.maxLength(2000)),
  }),
])
export type CopyLine = z.infer<typeof copyLine>

const name = z.string().check(
  z.minLength(1),
  z.maxLength(255),
  z.refine((text) => text !== '.' && text !== '..' && !/[/\0]/.test(text), { error: 'is no name' }),
)
const mode = z.number().check(z.int(), z.gte(0), z.lte(0o7777))
/** Seconds since the epoch, with fractions; before 1970 below zero. */
const mtime = z.number()

export const copyFile = z.readonly(
  z.strictObject({
    name,
    size: count,
    mode,
    mtime,
    /** Changes whenever the source does. */
    stamp: z.string().check(z.maxLength(128)),
  }),
)
export type CopyFile = z.infer<typeof copyFile>
export const copyDirectory = z.readonly(z.strictObject({ name, mode, mtime }))
export type CopyDirectory = z.infer<typeof copyDirectory>

/** A source's frames that are not data. Names are relative to the directory that was entered last. */
export const copyFrame = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('totals'), files: count, bytes: count }),
  z.strictObject({ kind: z.literal('enter'), directory: copyDirectory }),
  z.strictObject({ kind: z.literal('leave') }),
  z.strictObject({
    kind: z.literal('link'),
    name,
    target: z.string().check(z.minLength(1), z.maxLength(4095)),
  }),
  /** Its data follows from `offset` on, then `sum`. */
  z.strictObject({ kind: z.literal('file'), file: copyFile, offset: count }),
  z.strictObject({ kind: z.literal('hole'), length: count }),
  z.strictObject({ kind: z.literal('sum'), digest }),
  /** Stands there since an earlier attempt. */
  z.strictObject({ kind: z.literal('had'), name, size: count }),
  z.strictObject({ kind: z.literal('skipped') }),
  z.strictObject({ kind: z.literal('end') }),
  z.strictObject({
    kind: z.literal('failed'),
    code: z.string(),
    detail: z.string().check(z.maxLength(2000)),
  }),
])
export type CopyFrame = z.infer<typeof copyFrame>
