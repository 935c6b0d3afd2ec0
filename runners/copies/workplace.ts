/**
 * Where a copy under way keeps its temporaries and its manifest: a private directory below the destination's root, so
 * on its filesystem, named after the copy. The same copy asked for again goes on from it.
 */

import {
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  readFileSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { z } from 'zod/mini'
import { errnoOf, isAbsent } from '../../durable/files.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { bootId, factsOf, isAlive } from '../processes.ts'
import { about, entriesOf, isOwnDirectory, makeBelow, openBelow, refusedCopy, within } from './descriptors.ts'
import { pieceSize } from './sink.ts'
import { createSum, kindOf, type Sum, type SumKind } from './sum.ts'

const { O_RDONLY, O_NOFOLLOW, O_CREAT, O_APPEND, O_WRONLY } = constants

const head = z.strictObject({ v: z.literal(1), boot: z.string() })
const doneFile = z.strictObject({
  /** Path from the top, stamp of the source, inode and size of the copy, SHA-256. */
  file: z.string(),
  stamp: z.string(),
  ino: z.string(),
  size: z.number(),
  digest: z.string(),
})
const madeDirectory = z.strictObject({ directory: z.string() })
const manifestLine = z.union([head, doneFile, madeDirectory])
export type DoneFile = z.infer<typeof doneFile>

export type Workplace = {
  readonly directory: number
  /** Something was begun here before. */
  readonly isResumed: boolean
  /** The machine went down since: what was written may not have reached the disk. */
  readonly isOtherBoot: boolean
  readonly files: Map<string, DoneFile>
  readonly directories: Set<string>
  readonly note: (line: DoneFile | z.infer<typeof madeDirectory>) => void
  /** Says that the copy began, once it is known that it may. */
  readonly begin: () => void
  /** Everything is done: nothing stays behind. */
  readonly remove: () => void
  /** Another may go on with it. */
  readonly leave: () => void
}

const placeName = '.seneschal-copies'
const lockName = 'owner'
const manifestName = 'manifest'
/** A copier whose line broke ends by itself; so long is its end awaited, ms. */
const patience = 15_000

/** Sum of the first bytes of an open file, which can go on. */
export const sumOfFile = async (fd: number, bytes: number, kind: SumKind): Promise<Sum> => {
  const hash = createSum(kind)
  if (bytes > 0)
    for await (const piece of createReadStream('', {
      fd,
      autoClose: false,
      start: 0,
      end: bytes - 1,
      highWaterMark: pieceSize,
    }))
      hash.update(piece)
  return hash
}

const openPrivate = (parent: number, name: string): number => {
  makeBelow(parent, name, 0o700)
  const directory = openBelow(parent, name)
  if (isOwnDirectory(directory)) return directory
  closeSync(directory)
  throw refusedCopy(`${name} at the destination is not a private directory of whoever writes there.`)
}

const lockHolder = z.strictObject({ pid: z.number(), start: z.string(), boot: z.string() })

const holderOf = (directory: number): z.infer<typeof lockHolder> | undefined => {
  try {
    const parsed = lockHolder.safeParse(JSON.parse(readFileSync(within(directory, lockName), 'utf8')))
    return parsed.success ? parsed.data : undefined
  } catch (thrown) {
    if (isAbsent(thrown) || thrown instanceof SyntaxError) return undefined
    throw thrown
  }
}

export const removeIfThere = (path: string): void => {
  try {
    unlinkSync(path)
  } catch (thrown) {
    if (!isAbsent(thrown)) throw thrown
  }
}

/** One copier at a time; one that was killed holds nothing. */
const lock = async (directory: number, boot: string): Promise<void> => {
  const facts = await factsOf(process.pid)
  const mine = within(directory, `${lockName}.${process.pid}`)
  writeFileSync(mine, JSON.stringify({ pid: process.pid, start: facts?.start ?? '', boot }), { mode: 0o600 })
  const until = performance.now() + patience
  try {
    for (;;) {
      try {
        linkSync(mine, within(directory, lockName))
        return
      } catch (thrown) {
        if (errnoOf(thrown) !== 'EEXIST') throw thrown
      }
      const holder = holderOf(directory)
      if (holder === undefined || !(await isAlive(holder, boot))) removeIfThere(within(directory, lockName))
      else if (performance.now() > until)
        throw new SeneschalError('copy.failed', 'The same copy is under way already.')
      else await new Promise((resolve) => setTimeout(resolve, 50))
    }
  } finally {
    removeIfThere(mine)
  }
}

/** A torn last line was of something that had not happened yet. */
const readManifest = (directory: number): readonly z.infer<typeof manifestLine>[] => {
  let text: string
  try {
    text = readFileSync(within(directory, manifestName), 'utf8')
  } catch (thrown) {
    if (isAbsent(thrown)) return []
    throw thrown
  }
  return text.split('\n').flatMap((line) => {
    if (line === '') return []
    try {
      const parsed = manifestLine.safeParse(JSON.parse(line))
      return parsed.success ? [parsed.data] : []
    } catch (thrown) {
      if (thrown instanceof SyntaxError) return []
      throw thrown
    }
  })
}

/** `root`, an open directory, stays the caller's. */
export const openWorkplace = async (root: number, key: string): Promise<Workplace> => {
  let parent: number | undefined
  let directory: number | undefined
  const close = (): void => {
    for (const fd of [directory, parent]) if (fd !== undefined) closeSync(fd)
  }
  try {
    const above = openPrivate(root, placeName)
    parent = above
    const here = openPrivate(above, key)
    directory = here
    const boot = await bootId()
    await lock(here, boot)
    const lines = readManifest(here)
    const files = new Map<string, DoneFile>()
    const directories = new Set<string>()
    const boots = new Set<string>()
    for (const line of lines) {
      if ('file' in line) files.set(line.file, line)
      else if ('directory' in line) directories.add(line.directory)
      else boots.add(line.boot)
    }
    const manifest = openSync(within(here, manifestName), O_CREAT | O_APPEND | O_WRONLY | O_NOFOLLOW, 0o600)
    // After a torn line.
    if (fstatSync(manifest).size > 0) writeSync(manifest, '\n')
    const write = (line: object): void => {
      writeSync(manifest, `${JSON.stringify(line)}\n`)
    }
    return {
      directory: here,
      isResumed: lines.length > 0,
      isOtherBoot: [...boots].some((one) => one !== boot),
      files,
      directories,
      note: write,
      begin: () => write({ v: 1, boot }),
      remove: () => {
        closeSync(manifest)
        for (const { name } of entriesOf(here)) removeIfThere(within(here, name))
        rmdirSync(within(above, key))
        try {
          rmdirSync(within(root, placeName))
        } catch (thrown) {
          // Other copies are under way.
          if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errnoOf(thrown) ?? '')) throw thrown
        }
        close()
      },
      leave: () => {
        closeSync(manifest)
        removeIfThere(within(here, lockName))
        close()
      },
    }
  } catch (thrown) {
    close()
    throw about(placeName, thrown)
  }
}

/** Where a path of the manifest is: a directory that the caller closes, and the name in it. */
export type Locate = (path: string) => { readonly directory: number; readonly name: string } | undefined

/** The manifest's files that stand at the destination as they were written, with the stamps of their sources. */
export const stillThere = async (
  { files, isOtherBoot }: Workplace,
  locate: Locate,
): Promise<ReadonlyMap<string, string>> => {
  const isWhole = async (
    directory: number,
    name: string,
    { ino, size, digest }: DoneFile,
  ): Promise<boolean> => {
    const stats = lstatSync(within(directory, name), { bigint: true, throwIfNoEntry: false })
    if (stats === undefined || !stats.isFile()) return false
    if (String(stats.ino) !== ino || Number(stats.size) !== size) return false
    if (!isOtherBoot) return true
    const fd = openSync(within(directory, name), O_RDONLY | O_NOFOLLOW)
    try {
      return (await sumOfFile(fd, size, kindOf(digest))).digest() === digest
    } finally {
      closeSync(fd)
    }
  }
  const done = new Map<string, string>()
  for (const file of files.values()) {
    const place = locate(file.file)
    if (place === undefined) continue
    try {
      if (await isWhole(place.directory, place.name, file)) done.set(file.file, file.stamp)
    } finally {
      closeSync(place.directory)
    }
  }
  return done
}
