/** Segments of a feed that nobody follows any more: packed, and read by whoever wants the history. */
import { createReadStream, createWriteStream } from 'node:fs'
import { chmod, chown, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { packedName, packedPattern } from '../protocol/feed.ts'
import type { FileSettings } from './files.ts'
import { createLineSplitter } from './line-splitter.ts'

/** Names of the segments that are packed, as they were called before; oldest first. */
export const listPacked = async (dir: string): Promise<readonly string[]> =>
  (await readdir(dir))
    .filter((file) => packedPattern.test(file))
    .map((file) => file.slice(0, -'.gz'.length))
    .sort()

/**
 * In the place of a segment that is not written to any more. Killed at any moment, the segment stands there, its packed
 * copy, or both. The copy has the segment's time, which says how long it is kept.
 */
export const packSegment = async (dir: string, file: string, settings: FileSettings): Promise<void> => {
  const path = join(dir, file)
  const temporary = join(dir, `.${packedName(file)}`)
  const { atime, mtime } = await stat(path)
  try {
    await pipeline(
      createReadStream(path),
      createGzip(),
      createWriteStream(temporary, { mode: 0o600, flush: true }),
    )
    if (settings.gid !== undefined) await chown(temporary, -1, settings.gid)
    await chmod(temporary, settings.mode)
    await utimes(temporary, atime, mtime)
    await rename(temporary, join(dir, packedName(file)))
  } catch (thrown) {
    await rm(temporary, { force: true })
    throw thrown
  }
  await rm(path)
}

/** A line longer than this is no line of ours. */
const lineLimit = 64 * 1024 * 1024

/** Lines of a packed segment, some at a time. */
export async function* readPacked(dir: string, file: string): AsyncGenerator<readonly string[]> {
  const unpacked = createGunzip()
  const through = pipeline(createReadStream(join(dir, packedName(file))), unpacked).catch((error: Error) =>
    unpacked.destroy(error),
  )
  let lines: string[] = []
  const split = createLineSplitter(lineLimit, (line) => lines.push(line))
  try {
    for await (const chunk of unpacked) {
      split(chunk)
      if (lines.length > 0) yield lines
      lines = []
    }
  } finally {
    unpacked.destroy()
    await through
  }
}
