/** Finding lines in one file, a block at a time, without making lines of what holds no hit. */
import { constants, read } from 'node:fs'
import { promisify } from 'node:util'
import { closeFile, openFile } from '../../durable/lines.ts'
import { isMissing } from '../job-files.ts'

export type Hit = { readonly line: number; readonly text: string }

/** Says of a block of whole lines which of them fit: offsets of the beginnings, in order. */
export type Matcher = (block: Buffer) => Promise<readonly number[]> | readonly number[]

const readSome = promisify(read)
const newline = 10
const blockBytes = 1024 * 1024
const longestText = 500

/** Plain text, exactly as it was typed. */
export const literalMatcher = (text: string): Matcher => {
  const needle = Buffer.from(text)
  return (block) => {
    const found: number[] = []
    for (let at = block.indexOf(needle); at !== -1; ) {
      found.push(block.lastIndexOf(newline, at) + 1)
      const end = block.indexOf(newline, at)
      at = end === -1 ? -1 : block.indexOf(needle, end + 1)
    }
    return found
  }
}

const countLines = (block: Buffer, end: number): number => {
  let count = 0
  for (let at = block.indexOf(newline); at !== -1 && at < end; at = block.indexOf(newline, at + 1)) count += 1
  return count
}

const lineAt = (block: Buffer, start: number): string => {
  const end = block.indexOf(newline, start)
  const stop = Math.min(end === -1 ? block.length : end, start + longestText * 4)
  return block.toString('utf8', start, stop).slice(0, longestText).toWellFormed()
}

/** Undefined for one that is gone by now, or closed to us. */
const openLog = async (path: string): Promise<number | undefined> => {
  try {
    return await openFile(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (thrown) {
    if (isMissing(thrown)) return undefined
    throw thrown
  }
}

/** A line longer than a block is looked at in pieces. */
export async function* scanFile(path: string, matches: Matcher, signal: AbortSignal): AsyncGenerator<Hit> {
  const fd = await openLog(path)
  if (fd === undefined) return
  try {
    const buffer = Buffer.allocUnsafe(blockBytes)
    let held = 0
    let position = 0
    let lines = 0
    while (!signal.aborted) {
      const { bytesRead } = await readSome(fd, buffer, held, blockBytes - held, position)
      position += bytesRead
      const filled = held + bytesRead
      if (filled === 0) return
      const last = bytesRead === 0 ? -1 : buffer.subarray(0, filled).lastIndexOf(newline)
      const end = last === -1 && (bytesRead === 0 || filled === blockBytes) ? filled : last + 1
      const block = buffer.subarray(0, end)
      let counted = 0
      for (const start of await matches(block)) {
        lines += countLines(block.subarray(counted), start - counted)
        counted = start
        yield { line: lines + 1, text: lineAt(block, start) }
      }
      lines += countLines(block.subarray(counted), end - counted)
      buffer.copyWithin(0, end, filled)
      held = filled - end
      if (bytesRead === 0 && held === 0) return
    }
  } finally {
    await closeFile(fd)
  }
}
