/** The inbox, which any user may write to: taking entries out, putting a request in, being woken. */
import { randomBytes } from 'node:crypto'
import { type BigIntStats, constants, fstat, read } from 'node:fs'
import { lstat, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type ErrorCode, SeneschalError } from '../protocol/errors.ts'
import { requestMaxBytes } from '../protocol/requests.ts'
import { errnoOf, syncDir, writeNewFile } from './files.ts'
import { closeFile, openFile } from './lines.ts'
import { listInTurns } from './list-in-turns.ts'
import { runOnChange } from './watch.ts'

export type EntryRules = {
  /** Group of the inbox: a file moved in from elsewhere has another. */
  readonly gid: number
  /** Bytes; default `requestMaxBytes`. */
  readonly maxBytes?: number | undefined
}

type Refused = {
  readonly ok: false
  /** `file.unknown` = gone by now, which is no refusal; else `request.file-refused` or `input.too-large`. */
  readonly code: ErrorCode
  readonly detail: string
  readonly uid?: number | undefined
  readonly identity?: string | undefined
}
export type TakenEntry =
  | {
      readonly ok: true
      /** The daemon's own copy: what is checked is what is done, whatever happens to the file. */
      readonly bytes: Buffer
      readonly uid: number
      readonly gid: number
      readonly ctimeMs: number
      readonly identity: string
    }
  | Refused

const statFile = promisify<number, { bigint: true }, BigIntStats>(fstat)
const readSome = promisify(read)

/** Tells an entry from a later one of the same name: numbers of inodes are given out again. */
export const identityOf = ({ ino, birthtimeNs }: BigIntStats): string => `${ino}.${birthtimeNs}`

const refuse = (detail: string, stat?: BigIntStats, code: ErrorCode = 'request.file-refused'): Refused => ({
  ok: false,
  code,
  detail,
  uid: stat === undefined ? undefined : Number(stat.uid),
  identity: stat === undefined ? undefined : identityOf(stat),
})

/** Why the opened file may not be taken. The name says nothing about who wrote it; owner, group and links do. */
const objection = (stat: BigIntStats, rules: EntryRules, maxBytes: number): Refused | undefined => {
  if (!stat.isFile()) return refuse('It is not a regular file.', stat)
  if (stat.nlink !== 1n) return refuse('The file has more than one name.', stat)
  if (Number(stat.gid) !== rules.gid)
    return refuse(`Its group is ${stat.gid}, not the inbox's: it was moved here from elsewhere.`, stat)
  if ((stat.mode & 0o022n) !== 0n) return refuse('Its group or others may write to it.', stat)
  if (stat.size > maxBytes) return refuse(`It has more than ${maxBytes} bytes.`, stat, 'input.too-large')
  return undefined
}

/** All of the file as it is now, up to one byte too many. */
const readUpTo = async (fd: number, limit: number): Promise<Buffer> => {
  const buffer = Buffer.alloc(limit + 1)
  let size = 0
  while (size < buffer.length) {
    const { bytesRead } = await readSome(fd, buffer, size, buffer.length - size, size)
    if (bytesRead === 0) break
    size += bytesRead
  }
  return Buffer.from(buffer.subarray(0, size))
}

const refusalOf = (thrown: unknown, stat: BigIntStats | undefined): Refused => {
  switch (errnoOf(thrown)) {
    case 'ENOENT':
      return refuse('It is gone.', stat, 'file.unknown')
    case 'EACCES':
    case 'EPERM':
      return refuse('The daemon may not read it; write it with mode 0640.', stat)
    case 'ELOOP':
    case 'ENXIO':
    case 'EISDIR':
    case 'ENOTDIR':
    case 'ENAMETOOLONG':
      return refuse('It is not a regular file.', stat)
    default:
      throw thrown
  }
}

/**
 * Reads one entry, once. Never follows a link, never blocks, never moves the file. Throws only what is wrong with the
 * disk.
 */
export const takeEntry = async (dir: string, name: string, rules: EntryRules): Promise<TakenEntry> => {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name))
    return refuse('The name is not valid.')
  const path = join(dir, name)
  const maxBytes = rules.maxBytes ?? requestMaxBytes
  let found: BigIntStats | undefined
  try {
    // Opening a device may already do something, so what is plainly no file is not opened at all.
    found = await lstat(path, { bigint: true })
    if (!found.isFile()) return refuse('It is not a regular file.', found)
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants
    const fd = await openFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
    try {
      const stat = await statFile(fd, { bigint: true })
      found = stat
      const refused = objection(stat, rules, maxBytes)
      if (refused !== undefined) return refused
      const bytes = await readUpTo(fd, maxBytes)
      if (bytes.length > maxBytes)
        return refuse(`It has more than ${maxBytes} bytes.`, stat, 'input.too-large')
      return {
        ok: true,
        bytes,
        uid: Number(stat.uid),
        gid: Number(stat.gid),
        ctimeMs: Number(stat.ctimeNs / 1_000_000n),
        identity: identityOf(stat),
      }
    } finally {
      await closeFile(fd)
    }
  } catch (thrown) {
    return refusalOf(thrown, found)
  }
}

/**
 * Puts a request into the inbox, durably. The file is named after the id, or, where another user squats on that
 * name, after the id and something random: the daemon goes by what stands inside.
 */
export const putRequest = async (request: {
  readonly temp: string
  readonly inbox: string
  readonly id: string
  readonly body: unknown
}): Promise<void> => {
  const text = JSON.stringify(request.body)
  if (Buffer.byteLength(text) > requestMaxBytes) throw new SeneschalError('input.too-large')
  const random = randomBytes(8).toString('hex')
  const temp = join(request.temp, `${random}.json`)
  await writeNewFile(temp, text, { mode: 0o640 })
  try {
    await rename(temp, join(request.inbox, `${request.id}.json`)).catch(async (thrown: unknown) => {
      // The sticky bit: a file or directory of somebody else has the name.
      if (!['EPERM', 'EACCES', 'EEXIST', 'EISDIR', 'ENOTEMPTY'].includes(errnoOf(thrown) ?? '')) throw thrown
      await rename(temp, join(request.inbox, `${request.id}-${random}.json`))
    })
  } catch (thrown) {
    await rm(temp, { force: true })
    throw thrown
  }
  await syncDir(request.inbox)
}

/**
 * Calls `onEntries` with the names in the directory, sorted, at first, after each change and at each poll, never twice
 * at once; what changes while it runs makes it run again. Resolves when the signal is aborted.
 */
export const watchInbox = (settings: {
  readonly dir: string
  readonly pollMs: number
  /** `total` counts those that are not news, too. */
  readonly onEntries: (names: readonly string[], total: number) => Promise<void>
  /** Those for which it is false are left out of a list. */
  readonly isNews?: (name: string) => boolean
  /** Told at once of one that came or went, however long it takes to list them all. */
  readonly onEntry?: (name: string) => void
  /** Told when the directory cannot be read or `onEntries` throws, and with null when it works again. */
  readonly onProblem: (error: Error | null) => void
  readonly signal: AbortSignal
}): Promise<void> =>
  runOnChange({
    path: settings.dir,
    pollMs: settings.pollMs,
    run: async () => {
      const { names, total } = await listInTurns(settings.dir, settings.isNews)
      if (total > 0) await settings.onEntries(names, total)
    },
    onName: settings.onEntry,
    onProblem: settings.onProblem,
    signal: settings.signal,
  })
