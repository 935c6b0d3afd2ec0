/** Reading and checking of audit chains. */
import { constants } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { AuditRecord } from '../protocol/audit.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { follows, formatHead, genesis, parseChainFile, parseHead, parseRecord } from './chain-record.ts'
import { closeFile, createLineReader, openFile } from './lines.ts'

/** A head (`SEQ:HASH`) that somebody else kept: what the chain must still contain. */
export type Anchor = { readonly writer: string; readonly head: string }

export type BadRecord = {
  /** Name within the directory. */
  readonly file: string
  /** From 1. */
  readonly line: number
  /** The number expected at this place. */
  readonly seq: number
  /** For a person. */
  readonly why: string
}

/** One writer's chain; `bad` is the first record that is not what was written. */
export type ChainReport = {
  readonly writer: string
  readonly files: number
  /** Records that are good, from the start. */
  readonly records: number
  readonly head: string
  readonly bad: BadRecord | undefined
}
export type VerifyReport = { readonly ok: boolean; readonly chains: readonly ChainReport[] }

/** Files by writer, each writer's in their order. */
const chainFiles = async (dir: string): Promise<ReadonlyMap<string, readonly string[]>> => {
  const names = (await readdir(dir)).filter((file) => parseChainFile(file) !== undefined).sort()
  return Map.groupBy(names, (file) => parseChainFile(file)?.writer ?? '')
}

type Place = { readonly file: string; readonly line: number; readonly bytes: Buffer | undefined }

/** Every line of the files; at the end of each, one without bytes if it ends in half a line. */
async function* linesOf(dir: string, files: readonly string[]): AsyncGenerator<Place> {
  for (const file of files) {
    const fd = await openFile(join(dir, file), constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      const reader = createLineReader(fd)
      let line = 0
      for (let lines = await reader.next(); lines.length > 0; lines = await reader.next())
        for (const { bytes } of lines) {
          line += 1
          yield { file, line, bytes }
        }
      if (reader.partial() > 0) yield { file, line: line + 1, bytes: undefined }
    } finally {
      await closeFile(fd)
    }
  }
}

const problemOf = (place: Place, writer: string, seq: number, previous: string): AuditRecord | string => {
  if (place.bytes === undefined) return 'The line is not whole: cut off, or being written at this moment.'
  const record = parseRecord(place.bytes)
  if (record === undefined) return 'This is not a record as it was written.'
  if (record.writer !== writer) return `This is a record of ${record.writer}.`
  if (record.seq !== seq) return `Record ${record.seq} stands here.`
  if (!follows(record, previous)) return 'The hash does not fit: this record or one before it was changed.'
  return record
}

const verifyOne = async (
  dir: string,
  writer: string,
  files: readonly string[],
  anchors: ReadonlyMap<number, string>,
): Promise<ChainReport> => {
  let seq = 0
  let records = 0
  let hash = genesis
  let place = { file: files.at(-1) ?? '', line: 0 }
  const report = (bad: Omit<BadRecord, 'seq'> | undefined): ChainReport => ({
    writer,
    files: files.length,
    records,
    head: formatHead(seq, hash),
    bad: bad === undefined ? undefined : { ...bad, seq: seq + 1 },
  })
  for await (const { bytes, ...at } of linesOf(dir, files)) {
    if (records === 0 && bytes !== undefined) {
      // Older files may have been archived, if somebody kept the head that they ended with.
      const first = parseRecord(bytes)?.seq ?? 1
      const kept = anchors.get(first - 1)
      if (kept !== undefined) {
        seq = first - 1
        hash = kept
      }
    }
    const checked = problemOf({ ...at, bytes }, writer, seq + 1, hash)
    if (typeof checked === 'string') return report({ ...at, why: checked })
    const anchored = anchors.get(checked.seq)
    if (anchored !== undefined && anchored !== checked.hash)
      return report({ ...at, why: 'Another hash was kept for this record: the chain was rewritten.' })
    seq = checked.seq
    hash = checked.hash
    records += 1
    place = at
  }
  const furthest = Math.max(0, ...anchors.keys())
  return furthest > seq
    ? report({ ...place, line: place.line + 1, why: `The end is cut off: record ${furthest} was written.` })
    : report(undefined)
}

const anchorsOf = (anchors: readonly Anchor[], writer: string): ReadonlyMap<number, string> => {
  const found = new Map<number, string>()
  for (const anchor of anchors) {
    if (anchor.writer !== writer) continue
    const head = parseHead(anchor.head)
    if (head === undefined) throw new SeneschalError('input.invalid', `${anchor.head} is not a head.`)
    if (head.seq > 0) found.set(head.seq, head.hash)
  }
  return found
}

/** Checks every chain in a directory, and those that an anchor says should be there. */
export const verifyChain = async (
  dir: string,
  options: { readonly anchors?: readonly Anchor[] | undefined } = {},
): Promise<VerifyReport> => {
  const anchors = options.anchors ?? []
  const files = await chainFiles(dir)
  const writers = [...new Set([...files.keys(), ...anchors.map(({ writer }) => writer)])].sort()
  const chains: ChainReport[] = []
  for (const writer of writers)
    chains.push(await verifyOne(dir, writer, files.get(writer) ?? [], anchorsOf(anchors, writer)))
  return { ok: chains.every(({ bad }) => bad === undefined), chains }
}

/** Records of one writer (or all, writer after writer) in order, numbers above `after` only. Not verified. */
export async function* readChain(
  dir: string,
  options: { readonly writer?: string | undefined; readonly after?: number | undefined } = {},
): AsyncGenerator<AuditRecord> {
  for (const [writer, files] of await chainFiles(dir)) {
    if (options.writer !== undefined && options.writer !== writer) continue
    for await (const { bytes } of linesOf(dir, files)) {
      const record = bytes === undefined ? undefined : parseRecord(bytes)
      if (record !== undefined && record.seq > (options.after ?? 0)) yield record
    }
  }
}
