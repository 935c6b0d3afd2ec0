/** Files and directories that are either whole or not there, with exactly the mode that was asked for. */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, chown, type FileHandle, lstat, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod/mini'
import { SeneschalError } from '../protocol/errors.ts'

export type FileSettings = {
  /** Independent of the umask. */
  readonly mode: number
  readonly gid?: number | undefined
  /** Default true: file and directory entry are on disk when it resolves. */
  readonly fsync?: boolean | undefined
}

/** Whole, or in pieces. */
export type FileContent = string | Uint8Array | AsyncIterable<Uint8Array>

/** An absent file is an answer; anything else is thrown. */
export const isAbsent = (thrown: unknown): boolean => errnoOf(thrown) === 'ENOENT'

export const errnoOf = (thrown: unknown): string | undefined =>
  thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined

/** Makes created, renamed and removed entries of a directory durable. */
export const syncDir = async (path: string): Promise<void> => {
  await using dir = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  await dir.sync()
}

/** Pieces reach the disk one by one: a long sync would hold up whoever waits for one of another file. */
const writePieces = async (
  file: FileHandle,
  data: AsyncIterable<Uint8Array>,
  settings: FileSettings,
): Promise<void> => {
  for await (const piece of data) {
    await file.writeFile(piece)
    if (settings.fsync !== false) await file.datasync()
  }
}

/** Creates a file that was not there, whole, with its mode; leaves nothing behind when that fails. */
export const writeNewFile = async (
  path: string,
  data: FileContent,
  settings: FileSettings,
): Promise<void> => {
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants
  try {
    await using file = await open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600)
    if (typeof data === 'string' || data instanceof Uint8Array) await file.writeFile(data)
    else await writePieces(file, data, settings)
    if (settings.gid !== undefined) await file.chown(-1, settings.gid)
    await file.chmod(settings.mode)
    if (settings.fsync !== false) await file.sync()
  } catch (thrown) {
    if (errnoOf(thrown) !== 'EEXIST') await rm(path, { force: true })
    throw thrown
  }
}

/** Replaces a file in one step; whoever reads it sees the old or the new one. */
export const writeFileAtomic = async (
  path: string,
  data: FileContent,
  settings: FileSettings,
): Promise<void> => {
  const temp = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`)
  await writeNewFile(temp, data, settings)
  try {
    await rename(temp, path)
  } catch (thrown) {
    await rm(temp, { force: true })
    throw thrown
  }
  if (settings.fsync !== false) await syncDir(dirname(path))
}

/** The file's content; undefined where there is none. Throws `input.invalid` naming the file. */
export const readJsonFile = async <T>(path: string, schema: z.ZodMiniType<T>): Promise<T | undefined> => {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (thrown) {
    if (isAbsent(thrown)) return undefined
    throw thrown
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new SeneschalError('input.invalid', `${path} is not JSON.`, { cause })
  }
  const parsed = z.safeParse(schema, value)
  if (parsed.success) return parsed.data
  throw new SeneschalError('input.invalid', `${path}: ${z.prettifyError(parsed.error)}`)
}

/**
 * Creates a directory (its parents 0755), or gives an own one this mode and group. Refuses with `config.invalid` a
 * link, and a directory of somebody else that differs.
 */
export const ensureDir = async (
  path: string,
  settings: { readonly mode: number; readonly gid?: number | undefined },
): Promise<void> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 })
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (thrown) {
    if (errnoOf(thrown) !== 'EEXIST') throw thrown
  }
  const found = await lstat(path)
  if (!found.isDirectory()) throw new SeneschalError('config.invalid', `${path} is not a directory.`)
  const wrongGroup = settings.gid !== undefined && found.gid !== settings.gid
  if (!wrongGroup && (found.mode & 0o7777) === settings.mode) return
  const self = process.geteuid?.()
  if (self !== 0 && found.uid !== self)
    throw new SeneschalError(
      'config.invalid',
      `${path} belongs to uid ${found.uid} and has mode ${(found.mode & 0o7777).toString(8)} instead of ${settings.mode.toString(8)}.`,
    )
  // chown clears set-id bits, so the mode comes last.
  if (wrongGroup) await chown(path, -1, settings.gid ?? -1)
  await chmod(path, settings.mode)
}
