/** Walks what is to be copied by descriptor, reads each file once, and gives it to a sink. */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  read as readCallback,
  readlinkSync,
  readSync,
} from 'node:fs'
import { promisify } from 'node:util'
import type { CopyFile, CopyPlace, CopyRules } from '../../protocol/copies.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import {
  about,
  entriesOf,
  openBelow,
  openParent,
  refusedCopy,
  shown,
  staysWithin,
  within,
} from './descriptors.ts'
import { inLanes, type Lanes } from './lanes.ts'
import { beginningOf, type FileSink, type Found, pieceSize, type Sink, smallFile, sumPiece } from './sink.ts'
import { createSum, type Sum, sumOf } from './sum.ts'

const read = promisify(readCallback)
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants
/** Each level is an open descriptor. */
const deepest = 200
/** Others get their turn at least so often, ms. */
const turn = 20
/** Holes are looked for in steps of this size. */
const block = 64 * 1024
const zeros = Buffer.alloc(block)

export type SourceParts = {
  readonly rules: Pick<CopyRules, 'foreign' | 'oneName' | 'sparse'>
  readonly sink: Sink
  readonly home: string | undefined
}

const join = (path: string, name: string): string => (path === '' ? name : `${path}/${name}`)
const stampOf = (stats: BigIntStats): string =>
  `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`
const secondsOf = (stats: BigIntStats): number => Number(stats.mtimeNs) / 1e9
const modeOf = (stats: BigIntStats): number => Number(stats.mode & 0o777n)

const createTurns = () => {
  let since = performance.now()
  return async (): Promise<void> => {
    if (performance.now() - since < turn) return
    await new Promise((resolve) => setImmediate(resolve))
    since = performance.now()
  }
}

/** What is a regular file by its name still is one when it is open, or nothing of it is read. */
const openFile = (directory: number, name: string, path: string, oneName: boolean) => {
  const fd = openSync(within(directory, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  const stats = fstatSync(fd, { bigint: true })
  const why = !stats.isFile()
    ? 'is no regular file'
    : oneName && stats.nlink > 1n
      ? 'has a second name, so it may be somebody else’s'
      : undefined
  if (why === undefined) return { fd, stats }
  closeSync(fd)
  throw refusedCopy(`${shown(path)} ${why}.`)
}

const mustBeUnchanged = (fd: number, before: BigIntStats, path: string): void => {
  if (stampOf(fstatSync(fd, { bigint: true })) !== stampOf(before))
    throw new SeneschalError('copy.changed', `${shown(path)} changed while it was read.`)
}

const readWhole = (fd: number, size: number): Buffer => {
  const content = Buffer.allocUnsafe(size)
  let length = 0
  while (length < size) {
    const got = readSync(fd, content, length, size - length, length)
    if (got === 0) break
    length += got
  }
  return content.subarray(0, length)
}

/** Whether the first bytes are those that the sink has; `hash` knows them then. */
const startsAs = async (
  fd: number,
  { bytes, digest }: { readonly bytes: number; readonly digest: string },
  hash: Sum,
): Promise<boolean> => {
  const buffer = Buffer.allocUnsafe(pieceSize)
  let at = 0
  while (at < bytes) {
    const { bytesRead } = await read(fd, buffer, 0, Math.min(pieceSize, bytes - at), at)
    if (bytesRead === 0) return false
    hash.update(buffer.subarray(0, bytesRead))
    at += bytesRead
  }
  return hash.digest() === digest
}

/** Zero blocks become holes, what lies between them is written. */
const give = async (piece: Buffer, to: FileSink, sparse: boolean): Promise<void> => {
  if (!sparse) return to.write(piece)
  let start = 0
  let isHole = false
  for (let at = 0; at <= piece.length; at += block) {
    const part = piece.subarray(at, at + block)
    const zero =
      part.length > 0 && part.equals(part.length === block ? zeros : zeros.subarray(0, part.length))
    if (at > start && (zero !== isHole || at >= piece.length)) {
      await (isHole ? to.hole(at - start) : to.write(piece.subarray(start, at)))
      start = at
    }
    isHole = zero
  }
  if (start < piece.length) await (isHole ? to.hole(piece.length - start) : to.write(piece.subarray(start)))
}

/** While one piece is hashed and written, the next is read. */
const pump = async (fd: number, offset: number, to: FileSink, hash: Sum, sparse: boolean): Promise<void> => {
  let [current, other] = [Buffer.allocUnsafe(pieceSize), Buffer.allocUnsafe(pieceSize)]
  let at = offset
  let { bytesRead } = await read(fd, current, 0, pieceSize, at)
  while (bytesRead > 0) {
    const piece = current.subarray(0, bytesRead)
    at += bytesRead
    const given = give(piece, to, sparse)
    const next = read(fd, other, 0, pieceSize, at)
    hash.update(piece)
    const [, got] = await Promise.all([given, next])
    ;[current, other] = [other, current]
    bytesRead = got.bytesRead
  }
}

/** While one piece is summed, the next is read. */
const sumAll = async (fd: number, size: number, hash: Sum): Promise<void> => {
  let [current, other] = [Buffer.allocUnsafe(sumPiece), Buffer.allocUnsafe(sumPiece)]
  let at = 0
  let { bytesRead } = await read(fd, current, 0, sumPiece, at)
  while (bytesRead > 0 && at < size) {
    at += bytesRead
    const next = read(fd, other, 0, sumPiece, at)
    hash.update(current.subarray(0, bytesRead))
    const got = await next
    ;[current, other] = [other, current]
    bytesRead = got.bytesRead
  }
}

/** Gives all of `from` to the sink. Throws `copy.refused`, `copy.changed` and `copy.failed` with the path at fault. */
export const giveTree = async (from: CopyPlace, { rules, sink, home }: SourceParts): Promise<void> => {
  const breathe = createTurns()
  const isForeign = (what: string): boolean => {
    if (rules.foreign === 'refuse') throw refusedCopy(what)
    return true
  }

  const count = async (
    directory: number,
    depth: number,
    sum: { files: number; bytes: number },
  ): Promise<void> => {
    for (const entry of entriesOf(directory)) {
      await breathe()
      if (entry.isFile()) {
        sum.files += 1
        sum.bytes += lstatSync(within(directory, entry.name)).size
      } else if (entry.isDirectory() && depth < deepest) {
        const below = openBelow(directory, entry.name)
        try {
          await count(below, depth + 1, sum)
        } finally {
          closeSync(below)
        }
      }
    }
  }

  const giveLarge = async (
    fd: number,
    stats: BigIntStats,
    file: CopyFile,
    begun: ReturnType<Found['begun']['get']>,
  ) => {
    let hash = createSum(sink.sums)
    let offset = 0
    if (begun !== undefined && begun.bytes <= file.size) {
      if (await startsAs(fd, begun, hash)) offset = begun.bytes
      else hash = createSum(sink.sums)
    }
    const to = await sink.large(file, offset)
    const hasHoles = Number(stats.blocks) * 512 < file.size
    await pump(fd, offset, to, hash, rules.sparse && hasHoles)
    return async () => to.end(hash.digest())
  }

  const giveByKernel = async (
    whole: NonNullable<Sink['whole']>,
    { fd, stats, path, file }: { fd: number; stats: BigIntStats; path: string; file: CopyFile },
  ): Promise<void> => {
    const hash = createSum(sink.sums)
    try {
      const [end, summed] = await Promise.allSettled([whole(file, fd), sumAll(fd, file.size, hash)])
      if (end.status === 'rejected') throw end.reason
      if (summed.status === 'rejected') throw summed.reason
      // Two readings are one file only as long as nobody wrote to it.
      mustBeUnchanged(fd, stats, path)
      await end.value(hash.digest())
    } catch (thrown) {
      throw about(path, thrown)
    } finally {
      closeSync(fd)
    }
  }

  const giveFile = async (
    directory: number,
    name: string,
    path: string,
    found: Found,
    lanes: Lanes,
  ): Promise<void> => {
    const { fd, stats } = openFile(directory, name, path, rules.oneName)
    let isHandedOver = false
    try {
      const stamp = stampOf(stats)
      const size = Number(stats.size)
      const file = { name, size, mode: modeOf(stats), mtime: secondsOf(stats), stamp }
      if (found.done.get(path) === stamp) return sink.had(name, size)
      if (size <= smallFile) {
        const content = readWhole(fd, size)
        mustBeUnchanged(fd, stats, path)
        sink.small(file, content, sumOf(sink.sums, content))
        return
      }
      const hasHoles = Number(stats.blocks) * 512 < size
      const begun = found.begun.get(beginningOf(path))
      const { whole } = sink
      if (whole !== undefined && begun === undefined && !hasHoles) {
        return await lanes.run(() => {
          isHandedOver = true
          return giveByKernel(whole, { fd, stats, path, file })
        })
      }
      const end = await giveLarge(fd, stats, file, begun)
      mustBeUnchanged(fd, stats, path)
      await end()
    } finally {
      if (!isHandedOver) closeSync(fd)
    }
  }

  const giveEntry = async (
    directory: number,
    name: string,
    path: string,
    depth: number,
    found: Found,
    lanes: Lanes,
  ): Promise<void> => {
    const stats = lstatSync(within(directory, name), { bigint: true })
    if (stats.isFile()) return giveFile(directory, name, path, found, lanes)
    if (stats.isDirectory()) {
      if (depth >= deepest) throw refusedCopy(`${shown(path)} lies more than ${deepest} directories deep.`)
      const below = openBelow(directory, name)
      try {
        const opened = fstatSync(below, { bigint: true })
        if (opened.ino !== stats.ino || opened.dev !== stats.dev)
          throw new SeneschalError('copy.changed', `${shown(path)} was replaced while it was read.`)
        sink.enter({ name, mode: modeOf(opened), mtime: secondsOf(opened) })
        await giveEntries(below, path, depth + 1, found)
        sink.leave()
      } finally {
        closeSync(below)
      }
      return
    }
    if (stats.isSymbolicLink()) {
      const target = depth === 0 ? undefined : readlinkSync(within(directory, name))
      if (target !== undefined && staysWithin(target, depth - 1)) sink.link(name, target)
      else if (isForeign(`${shown(path)} is a link that leads out of what is copied.`)) sink.skipped()
      return
    }
    if (isForeign(`${shown(path)} is a pipe, socket or device.`)) sink.skipped()
  }

  const giveEntries = async (directory: number, path: string, depth: number, found: Found): Promise<void> => {
    await inLanes(async (lanes) => {
      for (const { name } of entriesOf(directory)) {
        const inside = join(path, name)
        await breathe()
        await sink.settled()
        if (name.includes('\uFFFD')) throw refusedCopy(`${shown(inside)} is no name in UTF-8.`)
        try {
          await giveEntry(directory, name, inside, depth, found, lanes)
        } catch (thrown) {
          throw about(inside, thrown)
        }
      }
    })
  }

  const { directory, name } = openParent(from, home, false)
  try {
    const stats = lstatSync(within(directory, name))
    const sum = { files: stats.isFile() ? 1 : 0, bytes: stats.isFile() ? stats.size : 0 }
    if (stats.isDirectory()) {
      const top = openBelow(directory, name)
      try {
        await count(top, 1, sum)
      } finally {
        closeSync(top)
      }
    }
    const found = await sink.found()
    sink.totals(sum.files, sum.bytes)
    await inLanes((lanes) => giveEntry(directory, name, '', 0, found, lanes))
  } catch (thrown) {
    throw about(from.path, thrown)
  } finally {
    closeSync(directory)
  }
  await sink.end()
}
