/**
 * One segment of the journal as it lies on disk. What one sync makes durable stands there as one frame: a line that
 * says how many bytes follow and their CRC-32, then an event a line. Until version 1 the frames were not there.
 */
import { constants } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { z } from 'zod/mini'
import { SeneschalError } from '../protocol/errors.ts'
import { closeFile, createLineReader, type Line, openFile, readAll } from './lines.ts'

export type JournalEntry<Event> = { readonly seq: number; readonly event: Event }

export type Segment = { readonly file: string; readonly first: number }

const formatVersion = 2
const versions = z.literal([1, formatVersion])
const frameSchema = z.strictObject({
  v: z.literal(formatVersion),
  frame: z.strictObject({ bytes: z.number(), crc: z.string() }),
})
const eventSchema = z.strictObject({ v: versions, seq: z.number(), event: z.unknown() })
const newerSchema = z.object({ v: z.number().check(z.gt(formatVersion)) })

const hex = (crc: number): string => crc.toString(16).padStart(8, '0')

export const eventLine = (seq: number, event: unknown): string =>
  `${JSON.stringify({ v: formatVersion, seq, event })}\n`

/** The line before the bytes of one write. */
export const frameLine = (bytes: Uint8Array): Buffer =>
  Buffer.from(
    `${JSON.stringify({ v: formatVersion, frame: { bytes: bytes.length, crc: hex(crc32(bytes)) } })}\n`,
  )

export const corrupt = (file: string, seq: number, why: string, cause?: unknown): SeneschalError =>
  new SeneschalError('journal.corrupt', `${file}: event ${seq}: ${why}`, { cause })

type Frame = { readonly end: number; readonly crc: string }
type Parsed = JournalEntry<unknown> | { readonly frame: Frame }

const parseLine = ({ bytes, end }: Line, file: string, expected: number): Parsed => {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw corrupt(file, expected, 'not JSON.', cause)
  }
  const event = eventSchema.safeParse(value)
  if (event.success) return { seq: event.data.seq, event: event.data.event }
  const head = frameSchema.safeParse(value)
  if (head.success) return { frame: { end: end + head.data.frame.bytes, crc: head.data.frame.crc } }
  if (newerSchema.safeParse(value).success)
    throw new SeneschalError('format.newer', `${file}: event ${expected}.`)
  throw corrupt(file, expected, 'not a line of this format.', event.error)
}

const mustBeNext = (entry: Parsed, file: string, expected: number): JournalEntry<unknown> => {
  if (!('seq' in entry)) throw corrupt(file, expected, 'a frame within a frame.')
  if (entry.seq !== expected) throw corrupt(file, expected, `number ${entry.seq} stands there.`)
  return entry
}

/** The events of a frame whose lines are all there. */
const openFrame = (
  lines: readonly Line[],
  frame: Frame,
  file: string,
  expected: number,
): readonly JournalEntry<unknown>[] => {
  let crc = 0
  for (const { bytes } of lines) crc = crc32('\n', crc32(bytes, crc))
  if (lines.at(-1)?.end !== frame.end || hex(crc) !== frame.crc)
    throw corrupt(file, expected, 'not as it was written.')
  return lines.map((line, index) =>
    mustBeNext(parseLine(line, file, expected + index), file, expected + index),
  )
}

/** Where the whole frames, and the whole lines of version 1, that were read so far end. */
export type Whole = { end: number; lastSeq: number }

/**
 * Entries of one segment up to `end`, each frame checked before its first event is given; what is not whole at the end
 * is left out. `whole` is kept up to date, also when something damaged is thrown as `journal.corrupt`.
 */
export async function* readSegment(
  dir: string,
  { file, first }: Segment,
  { end, whole = { end: 0, lastSeq: 0 } }: { readonly end?: number | undefined; readonly whole?: Whole } = {},
): AsyncGenerator<JournalEntry<unknown>> {
  Object.assign(whole, { end: 0, lastSeq: first - 1 })
  const fd = await openFile(join(dir, file), constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const reader = createLineReader(fd, 0, end)
    let open: { readonly frame: Frame; readonly lines: Line[] } | undefined
    for (let lines = await reader.next(); lines.length > 0; lines = await reader.next())
      for (const line of lines) {
        const expected = whole.lastSeq + 1
        if (open === undefined) {
          const parsed = parseLine(line, file, expected)
          if ('frame' in parsed) {
            open = { frame: parsed.frame, lines: [] }
            continue
          }
          const entry = mustBeNext(parsed, file, expected)
          Object.assign(whole, { end: line.end, lastSeq: expected })
          yield entry
          continue
        }
        open.lines.push(line)
        if (line.end < open.frame.end) continue
        const entries = openFrame(open.lines, open.frame, file, expected)
        open = undefined
        Object.assign(whole, { end: line.end, lastSeq: whole.lastSeq + entries.length })
        yield* entries
      }
  } finally {
    await closeFile(fd)
  }
}

const frameStart = Buffer.from(`{"v":${formatVersion},"frame":`)
const lineStart = Buffer.from('{"v":1,"seq":')
const newline = 10

/** Whether a whole frame, or a whole line of version 1, begins there. */
const isWholeAt = (bytes: Buffer, at: number): boolean => {
  // Within a string the quotes would be escaped, within an object something else would stand before.
  if (at > 0 && bytes[at - 1] !== newline && bytes[at - 1] !== 0) return false
  const stop = bytes.indexOf(newline, at)
  if (stop === -1) return false
  try {
    const parsed = parseLine({ bytes: bytes.subarray(at, stop), end: stop + 1 }, '', 0)
    if (!('frame' in parsed)) return true
    const inside = bytes.subarray(stop + 1, parsed.frame.end)
    return parsed.frame.end <= bytes.length && hex(crc32(inside)) === parsed.frame.crc
  } catch (thrown) {
    if (thrown instanceof SeneschalError) return false
    throw thrown
  }
}

const anyWholeIn = (bytes: Buffer): boolean =>
  [frameStart, lineStart].some((start) => {
    for (let at = bytes.indexOf(start); at !== -1; at = bytes.indexOf(start, at + 1))
      if (isWholeAt(bytes, at)) return true
    return false
  })

/**
 * Reads the last segment through. What a power cut left at its end, in whatever order its pages reached the disk, was
 * never acknowledged and does not count. But a frame is only written when everything before it is durable: so damage
 * with a whole frame behind it is damage to what was acknowledged, and thrown as `journal.corrupt`.
 */
export const measureSegment = async (dir: string, segment: Segment): Promise<Whole> => {
  const whole: Whole = { end: 0, lastSeq: segment.first - 1 }
  try {
    for await (const _ of readSegment(dir, segment, { whole }));
  } catch (thrown) {
    if (!(thrown instanceof SeneschalError) || thrown.code !== 'journal.corrupt') throw thrown
    // The first byte is that of what is damaged itself.
    if (anyWholeIn((await readAll(join(dir, segment.file), whole.end)).subarray(1))) throw thrown
  }
  return whole
}
