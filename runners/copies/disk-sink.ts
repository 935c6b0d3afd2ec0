/**
 * Writes what a source gives: each file under a temporary name, then linked or renamed to its own. It trusts the source
 * with nothing but its own content: names, modes, links and sums are judged here.
 */
import { execFile } from 'node:child_process'
import {
  closeSync,
  constants,
  copyFile as copyFileCallback,
  fchmodSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  linkSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  write as writeCallback,
  writeSync,
} from 'node:fs'
import { promisify } from 'node:util'
import { errnoOf } from '../../durable/files.ts'
import type { CopyCounts, CopyDirectory, CopyFile, CopyPlace, CopyRules } from '../../protocol/copies.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import {
  about,
  descend,
  entriesOf,
  makeBelow,
  openBelow,
  openParent,
  openRoot,
  refusedCopy,
  shown,
  staysWithin,
  within,
} from './descriptors.ts'
import { beginningOf, type FileSink, pieceSize, type Sink } from './sink.ts'
import { createSum, kindOf, type Sum, type SumKind, sumOf } from './sum.ts'
import { type Locate, openWorkplace, removeIfThere, stillThere, sumOfFile } from './workplace.ts'

const write = promisify(writeCallback)
const copyFile = promisify(copyFileCallback)
const open = (descriptor: number): string => `/proc/self/fd/${descriptor}`
const { O_RDWR, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_TRUNC } = constants
/** Shorter beginnings are not worth reading twice. */
const worthKeeping = 8 * pieceSize
const noData = Buffer.alloc(pieceSize)

const writeAll = async (fd: number, data: Buffer, at: number): Promise<void> => {
  for (let done = 0; done < data.length; )
    done += (await write(fd, data, done, data.length - done, at + done)).bytesWritten
}

export type DiskSink = Sink & {
  readonly counts: () => CopyCounts
  readonly skips: () => number
  /** After a failure: what is there stays for the next attempt. */
  readonly close: () => void
}

const readBack = (fd: number, size: number): Buffer => {
  const content = Buffer.alloc(size)
  let length = 0
  while (length < size) {
    const got = readSync(fd, content, length, size - length, length)
    if (got === 0) break
    length += got
  }
  return content.subarray(0, length)
}

type Level = {
  readonly fd: number
  readonly path: string
  readonly meta: CopyDirectory
  readonly isOurs: boolean
}

export type SyncFilesystem = (directory: number) => Promise<void>

/** coreutils' sync does what Node has no call for: one filesystem at once instead of each file. */
export const syncFilesystem: SyncFilesystem = async (directory) => {
  await promisify(execFile)('sync', ['-f', `/proc/${process.pid}/fd/${directory}`])
}

export const openDiskSink = async (
  to: CopyPlace,
  rules: CopyRules,
  {
    home,
    sync = syncFilesystem,
    isSameProcess = false,
  }: {
    readonly home: string | undefined
    readonly sync?: SyncFilesystem
    /** What arrives is the very memory whose sum the source made: there is nothing between to check. */
    readonly isSameProcess?: boolean
  },
): Promise<DiskSink> => {
  const sums: SumKind = isSameProcess && !rules.verify ? 'crc32' : 'sha256'
  const parent = openParent(to, home, true)
  const root = openRoot(to, home)
  const work = await openWorkplace(root, rules.key)
  const levels: Level[] = []
  let counter = 0
  const nextName = (): string => {
    counter += 1
    return `small-${counter}`
  }
  const counts = { files: 0, bytes: 0, totalFiles: null as number | null, totalBytes: null as number | null }
  let skipped = 0

  /** Of files of which an earlier attempt wrote the beginning. */
  const beginnings = new Map<string, { readonly bytes: number; readonly hash: Sum }>()
  let current: number | undefined
  const closeCurrent = (): void => {
    if (current !== undefined) closeSync(current)
    current = undefined
  }

  /** Files that the kernel copies at this moment. */
  const copying = new Set<number>()
  const soFar = (): number => {
    let bytes = 0
    for (const fd of copying) bytes += fstatSync(fd).size
    return bytes
  }

  const closeAll = (): void => {
    closeCurrent()
    for (const fd of copying) closeSync(fd)
    copying.clear()
    for (const { fd } of levels.splice(0)) closeSync(fd)
    closeSync(parent.directory)
    closeSync(root)
  }

  /** Where a name given by the source belongs: the top has the name that was asked for. */
  const placeOf = (name: string): { readonly fd: number; readonly name: string; readonly path: string } => {
    const level = levels.at(-1)
    if (level === undefined) return { fd: parent.directory, name: parent.name, path: '' }
    return { fd: level.fd, name, path: level.path === '' ? name : `${level.path}/${name}` }
  }
  const inPlace = <T>(name: string, act: (place: ReturnType<typeof placeOf>) => T): T => {
    const place = placeOf(name)
    try {
      return act(place)
    } catch (thrown) {
      throw about(place.path, thrown)
    }
  }

  const top = { fd: parent.directory, name: parent.name }
  const isThere = lstatSync(within(top.fd, top.name), { throwIfNoEntry: false }) !== undefined
  if (isThere && !rules.overwrite && !work.isResumed) {
    work.remove()
    closeAll()
    throw new SeneschalError(
      'copy.exists',
      `${shown(to.path)} is there already, and overwriting was not asked for.`,
    )
  }
  work.begin()

  /** Never lost between two steps: it is in the manifest before it has its name, and counts only with that inode. */
  const publish = (
    temporary: string,
    place: ReturnType<typeof placeOf>,
    file: CopyFile,
    fd: number,
    digest: string,
  ): void => {
    const from = within(work.directory, temporary)
    const target = within(place.fd, place.name)
    const ours = work.files.get(place.path)?.ino
    const ino = String(fstatSync(fd, { bigint: true }).ino)
    fchmodSync(fd, file.mode & 0o777)
    futimesSync(fd, file.mtime, file.mtime)
    work.note({ file: place.path, stamp: file.stamp, ino, size: file.size, digest })
    if (rules.overwrite) {
      renameSync(from, target)
      return
    }
    try {
      linkSync(from, target)
    } catch (thrown) {
      if (errnoOf(thrown) !== 'EEXIST') throw thrown
      const there = lstatSync(target, { bigint: true, throwIfNoEntry: false })
      if (there === undefined || String(there.ino) !== ours) throw thrown
      // Our own earlier copy, of a source that changed since or of a disk that lost it.
      renameSync(from, target)
      return
    }
    unlinkSync(from)
  }

  const mustBe = (digest: string, expected: string, path: string): void => {
    if (digest !== expected)
      throw new SeneschalError('copy.changed', `${shown(path)} did not arrive as it was sent.`)
  }

  const added = (size: number): void => {
    counts.files += 1
    counts.bytes += size
  }

  const large = async (file: CopyFile, offset: number): Promise<FileSink> => {
    const place = placeOf(file.name)
    const temporary = beginningOf(place.path)
    const before = offset === 0 ? undefined : beginnings.get(temporary)
    if (offset !== (before?.bytes ?? 0))
      throw new SeneschalError('copy.failed', 'The source goes on from where nothing was.')
    const hash = before?.hash.copy() ?? createSum(sums)
    const fd = openSync(within(work.directory, temporary), O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
    current = fd
    ftruncateSync(fd, offset)
    let at = offset
    counts.bytes += offset
    return {
      write: async (data) => {
        const written = writeAll(fd, data, at)
        if (!isSameProcess) hash.update(data)
        await written.catch((thrown) => {
          throw about(place.path, thrown)
        })
        at += data.length
        counts.bytes += data.length
      },
      hole: async (length) => {
        for (let left = length; left > 0 && !isSameProcess; left -= noData.length)
          hash.update(left < noData.length ? noData.subarray(0, left) : noData)
        at += length
        counts.bytes += length
      },
      end: async (digest) => {
        if (at !== file.size)
          throw new SeneschalError('copy.changed', `${shown(place.path)} changed its size.`)
        if (!isSameProcess) mustBe(hash.digest(), digest, place.path)
        try {
          ftruncateSync(fd, file.size)
          if (rules.verify) {
            fdatasyncSync(fd)
            mustBe((await sumOfFile(fd, file.size, kindOf(digest))).digest(), digest, place.path)
          }
          publish(temporary, place, file, fd, digest)
        } catch (thrown) {
          throw about(place.path, thrown)
        }
        counts.files += 1
        closeCurrent()
      },
    }
  }

  const whole = async (file: CopyFile, source: number): Promise<FileSink['end']> => {
    const place = placeOf(file.name)
    const temporary = beginningOf(place.path)
    const flags = O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW
    const fd = openSync(within(work.directory, temporary), flags, 0o600)
    copying.add(fd)
    await copyFile(open(source), open(fd)).catch((thrown) => {
      throw about(place.path, thrown)
    })
    return async (digest) => {
      const { size } = fstatSync(fd)
      if (size !== file.size)
        throw new SeneschalError('copy.changed', `${shown(place.path)} changed its size.`)
      try {
        if (rules.verify) {
          fdatasyncSync(fd)
          mustBe((await sumOfFile(fd, file.size, kindOf(digest))).digest(), digest, place.path)
        }
        publish(temporary, place, file, fd, digest)
      } catch (thrown) {
        throw about(place.path, thrown)
      }
      copying.delete(fd)
      closeSync(fd)
      added(file.size)
    }
  }

  const locate: Locate = (path) => {
    const parts = path.split('/')
    try {
      if (path === '')
        return {
          directory: openSync(within(parent.directory, '.'), O_RDONLY | O_DIRECTORY),
          name: parent.name,
        }
      const below = openBelow(parent.directory, parent.name)
      return { directory: descend(below, parts.slice(0, -1), false), name: parts.at(-1) ?? '' }
    } catch (thrown) {
      // Somebody took a directory away, or put something else there: its files are not there.
      if (thrown instanceof SeneschalError || errnoOf(thrown) !== undefined) return undefined
      throw thrown
    }
  }

  const findBeginnings = async (): Promise<void> => {
    for (const { name } of entriesOf(work.directory)) {
      if (!name.startsWith('begun-') && !name.startsWith('small-')) continue
      const path = within(work.directory, name)
      const { size, nlink } = lstatSync(path)
      const bytes = Math.floor(size / pieceSize) * pieceSize
      // With two names it was published just before the end.
      if (name.startsWith('small-') || nlink > 1 || bytes < worthKeeping) {
        unlinkSync(path)
        continue
      }
      const fd = openSync(path, O_RDONLY | O_NOFOLLOW)
      try {
        beginnings.set(name, { bytes, hash: await sumOfFile(fd, bytes, sums) })
      } finally {
        closeSync(fd)
      }
    }
  }

  return {
    sums,
    counts: () => ({ ...counts, bytes: counts.bytes + soFar() }),
    skips: () => skipped,
    found: async () => {
      const done = await stillThere(work, locate)
      await findBeginnings()
      const begun = [...beginnings].map(
        ([name, { bytes, hash }]) => [name, { bytes, digest: hash.digest() }] as const,
      )
      return { done, begun: new Map(begun) }
    },
    totals: (files, bytes) => {
      counts.totalFiles = files
      counts.totalBytes = bytes
    },
    enter: (directory) =>
      inPlace(directory.name, ({ fd, name, path }) => {
        const isNew = lstatSync(within(fd, name), { throwIfNoEntry: false }) === undefined
        if (isNew) work.note({ directory: path })
        makeBelow(fd, name, 0o700)
        const isOurs = isNew || work.directories.has(path)
        const below = openBelow(fd, name)
        levels.push({ fd: below, path, meta: directory, isOurs })
        if (isOurs) fchmodSync(below, 0o700)
      }),
    leave: () => {
      const level = levels.pop()
      if (level === undefined)
        throw new SeneschalError('copy.failed', 'The source left more than it entered.')
      if (level.isOurs) {
        fchmodSync(level.fd, level.meta.mode & 0o777)
        futimesSync(level.fd, level.meta.mtime, level.meta.mtime)
      }
      closeSync(level.fd)
    },
    link: (given, target) =>
      inPlace(given, ({ fd, name, path }) => {
        if (levels.length === 0 || !staysWithin(target, levels.length - 1))
          throw refusedCopy(`${shown(path)} is a link that leads out of what is copied.`)
        try {
          symlinkSync(target, within(fd, name))
        } catch (thrown) {
          if (errnoOf(thrown) !== 'EEXIST') throw thrown
          const there = lstatSync(within(fd, name))
          if (there.isSymbolicLink() && readlinkSync(within(fd, name)) === target) return
          if (!rules.overwrite) throw thrown
          const temporary = within(work.directory, nextName())
          symlinkSync(target, temporary)
          renameSync(temporary, within(fd, name))
        }
      }),
    small: (file, content, digest) =>
      inPlace(file.name, (place) => {
        if (content.length !== file.size)
          throw new SeneschalError('copy.changed', `${shown(place.path)} changed its size.`)
        const temporary = nextName()
        const fd = openSync(within(work.directory, temporary), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
        try {
          for (let done = 0; done < content.length; ) done += writeSync(fd, content, done)
          if (rules.verify) {
            fdatasyncSync(fd)
            mustBe(sumOf(kindOf(digest), readBack(fd, file.size)), digest, place.path)
          }
          publish(temporary, place, file, fd, digest)
        } catch (thrown) {
          removeIfThere(within(work.directory, temporary))
          throw thrown
        } finally {
          closeSync(fd)
        }
        added(file.size)
      }),
    large,
    ...(isSameProcess ? { whole } : {}),
    had: (_name, size) => added(size),
    skipped: () => {
      skipped += 1
    },
    settled: () => Promise.resolve(),
    end: async () => {
      if (levels.length > 0) throw new SeneschalError('copy.failed', 'The source ended within a directory.')
      await sync(root)
      work.remove()
      closeAll()
    },
    close: () => {
      work.leave()
      closeAll()
    },
  }
}
