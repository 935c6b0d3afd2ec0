/** Reading and checking of audit chains. */
import type { AuditRecord } from '../protocol/audit.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { chainFiles, linesOf } from './chain-files.ts'
import { anchorOf, createLineCheck, type SaidAnchor } from './chain-line.ts'
import { follows, formatHead, genesis, parseHead, parseRecord } from './chain-record.ts'

/** A head (`SEQ:HASH`) that somebody else kept: what the chain must still contain. */
export type Anchor = {
  readonly writer: string
  readonly head: string
  /** Who kept it, for a person. */
  readonly by?: string | undefined
}

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
  readonly dir: string
  readonly writer: string
  readonly files: number
  /** Records that are good, from the start. */
  readonly records: number
  readonly head: string
  /** Heads that others kept and that were found in it. */
  readonly anchored: number
  readonly bad: BadRecord | undefined
}
export type VerifyReport = { readonly ok: boolean; readonly chains: readonly ChainReport[] }

export type VerifyOptions = {
  readonly anchors?: readonly Anchor[] | undefined
  /** Every line is parsed as well, and must be exactly what a writer makes of its record; takes ten times as long. */
  readonly strict?: boolean | undefined
  /** Each line that was found good, in the order of its chain. */
  readonly onLine?: ((line: Buffer, writer: string) => void) | undefined
}

/** What is remembered of a chain, so that heads may be looked up that are learnt of later. */
type Seen = {
  readonly report: ChainReport
  /** Number of the record before the first one here. */
  readonly after: number
  readonly hashAt: (seq: number) => string | undefined
  readonly placeOf: (seq: number) => { readonly file: string; readonly line: number }
  /** Heads of other chains, and the record that carries each. */
  readonly says: readonly { readonly seq: number; readonly said: SaidAnchor }[]
}

const hashBytes = 32
const hashesInBlock = 32_768

/** Hashes by their place, packed: a log of millions of records fits. */
const createHashes = () => {
  const blocks: Buffer[] = []
  let count = 0
  return {
    push: (hash: string): void => {
      if (count % hashesInBlock === 0) blocks.push(Buffer.allocUnsafe(hashesInBlock * hashBytes))
      blocks.at(-1)?.write(hash, (count % hashesInBlock) * hashBytes, 'hex')
      count += 1
    },
    at: (index: number): string | undefined => {
      if (index < 0 || index >= count) return undefined
      const from = (index % hashesInBlock) * hashBytes
      return blocks[Math.floor(index / hashesInBlock)]?.toString('hex', from, from + hashBytes)
    },
  }
}

/** The line's record where it follows, or what is wrong with it. */
const closely = (line: Buffer, writer: string, seq: number, previous: string): AuditRecord | string => {
  const record = parseRecord(line)
  if (record === undefined) return 'This is not a record as it was written.'
  if (record.writer !== writer) return `This is a record of ${record.writer}.`
  if (record.seq !== seq) return `Record ${record.seq} stands here.`
  if (!follows(record, previous)) return 'The hash does not fit: this record or one before it was changed.'
  return record
}

const scan = async (
  dir: string,
  writer: string,
  files: readonly string[],
  heads: ReadonlyMap<number, string>,
  options: VerifyOptions,
): Promise<Seen> => {
  const check = createLineCheck(writer)
  const hashes = createHashes()
  const starts: { readonly file: string; readonly seq: number }[] = []
  const says: { readonly seq: number; readonly said: SaidAnchor }[] = []
  let after = 0
  let seq = 0
  let records = 0
  let hash = genesis

  const seen = (bad: Omit<BadRecord, 'seq'> | undefined): Seen => ({
    report: {
      ...{ dir, writer, files: files.length, records, anchored: 0 },
      head: formatHead(seq, hash),
      bad: bad === undefined ? undefined : { ...bad, seq: seq + 1 },
    },
    after,
    hashAt: (at) => hashes.at(at - after - 1),
    placeOf: (at) => {
      const start = starts.findLast((one) => one.seq <= at)
      return start === undefined
        ? { file: files.at(-1) ?? '', line: 1 }
        : { file: start.file, line: at - start.seq + 1 }
    },
    says,
  })
  for await (const { file, line: firstLine, lines, torn } of linesOf(dir, files)) {
    let number = firstLine
    for (const line of lines) {
      if (records === 0) {
        // Older files may have been archived, if somebody kept the head that they ended with.
        const first = parseRecord(line)?.seq ?? 1
        const kept = heads.get(first - 1)
        if (kept !== undefined) {
          after = seq = first - 1
          hash = kept
        }
      }
      let next = options.strict === true ? undefined : check.follows(line, seq + 1, hash)
      if (next === undefined) {
        const record = closely(line, writer, seq + 1, hash)
        if (typeof record === 'string') return seen({ file, line: number, why: record })
        next = record.hash
      }
      if (number === 1) starts.push({ file, seq: seq + 1 })
      hash = next
      seq += 1
      records += 1
      number += 1
      hashes.push(hash)
      const said = anchorOf(line)
      if (said !== undefined) says.push({ seq, said })
      options.onLine?.(line, writer)
    }
    if (torn)
      return seen({
        file,
        line: number,
        why: 'The line is not whole: cut off, or being written at this moment.',
      })
  }
  return seen(undefined)
}

type Kept = SaidAnchor & { readonly by: () => string }

/** The first record that somebody remembers otherwise; heads of before what was archived cannot be compared. */
const compare = ({ report, after, hashAt, placeOf }: Seen, kept: readonly Kept[]): ChainReport => {
  const end = after + report.records
  let anchored = 0
  let first: Kept | undefined
  for (const head of kept) {
    if (head.writer !== report.writer || head.seq === 0 || head.seq < after) continue
    const found = head.seq === after ? head.hash : hashAt(head.seq)
    if (found === head.hash) anchored += 1
    else if (first === undefined || head.seq < first.seq) first = head
  }
  // A record that is bad by itself stands before whatever is missing behind it.
  if (first === undefined || (report.bad !== undefined && first.seq >= report.bad.seq))
    return { ...report, anchored }
  const isCut = first.seq > end
  const seq = isCut ? end + 1 : first.seq
  const why = isCut
    ? `The end is cut off: record ${first.seq} was written, ${first.by()}.`
    : `Another hash was kept for this record, ${first.by()}: the chain was rewritten.`
  return { ...report, anchored, bad: { ...placeOf(seq), seq, why } }
}

const parseKept = ({ writer, head, by }: Anchor): Kept => {
  const parsed = parseHead(head)
  if (parsed === undefined) throw new SeneschalError('input.invalid', `${head} is not a head.`)
  return { writer, ...parsed, by: () => by ?? 'as a head says that was kept' }
}

/**
 * Checks every chain in these directories, those that an anchor says should be there, and each against the heads of it
 * that the others carry.
 */
export const verifyChains = async (
  dirs: readonly string[],
  options: VerifyOptions = {},
): Promise<VerifyReport> => {
  const given = (options.anchors ?? []).map(parseKept)
  const headsOf = (writer: string): ReadonlyMap<number, string> =>
    new Map(given.filter((one) => one.writer === writer && one.seq > 0).map(({ seq, hash }) => [seq, hash]))
  const chains: Seen[] = []
  for (const dir of dirs)
    for (const [writer, files] of await chainFiles(dir))
      chains.push(await scan(dir, writer, files, headsOf(writer), options))
  const missing = new Set(given.filter(({ seq }) => seq > 0).map(({ writer }) => writer))
  for (const { report } of chains) missing.delete(report.writer)
  for (const writer of missing) chains.push(await scan(dirs[0] ?? '', writer, [], new Map(), options))

  const kept = [
    ...given,
    ...chains.flatMap(({ report, says }) =>
      says.map(({ seq, said }) => ({ ...said, by: () => `says record ${seq} of ${report.writer}` })),
    ),
  ]
  const reports = chains
    .map((chain) => compare(chain, kept))
    .sort((a, b) => dirs.indexOf(a.dir) - dirs.indexOf(b.dir) || (a.writer < b.writer ? -1 : 1))
  return { ok: reports.every(({ bad }) => bad === undefined), chains: reports }
}

/** Checks every chain in a directory, and those that an anchor says should be there. */
export const verifyChain = (dir: string, options: VerifyOptions = {}): Promise<VerifyReport> =>
  verifyChains([dir], options)

const seqOf = /^\{"time":"[^"]*","writer":"[^"]*","seq":([0-9]{1,16}),/

/** Records of one writer (or all, writer after writer) in order, numbers above `after` only. Not verified. */
export async function* readChain(
  dir: string,
  options: { readonly writer?: string | undefined; readonly after?: number | undefined } = {},
): AsyncGenerator<AuditRecord> {
  const after = options.after ?? 0
  for (const [writer, files] of await chainFiles(dir)) {
    if (options.writer !== undefined && options.writer !== writer) continue
    for await (const { lines } of linesOf(dir, files))
      for (const line of lines) {
        // What was read before is told from its first bytes.
        if (after > 0 && Number(seqOf.exec(line.toString('latin1', 0, 160))?.[1]) <= after) continue
        const record = parseRecord(line)
        if (record !== undefined && record.seq > after) yield record
      }
  }
}
