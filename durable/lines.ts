/** Whole lines of a file that grows: a part without its newline is not a line yet. */
import { close, constants, fstat, open, read } from 'node:fs'
import { promisify } from 'node:util'

export const openFile = promisify(open)
export const closeFile = promisify(close)
export const statFile = promisify(fstat)
const readSome = promisify(read)

export type Line = {
  /** Without its newline. */
  readonly bytes: Buffer
  /** Offset of the byte after the newline. */
  readonly end: number
}

export type LineReader = {
  /** The next whole lines, at most about one chunk of them; empty at the end of what is there now. */
  readonly next: () => Promise<readonly Line[]>
  /** Offset after the last line returned. */
  readonly offset: () => number
  /** Bytes behind the last whole line, at the last end that was reached. */
  readonly partial: () => number
}

const newline = 10
const chunkBytes = 256 * 1024
/** A line longer than this is no line of ours. */
const lineLimit = 64 * 1024 * 1024

/** Reads from `offset` (or up to `end`); the caller keeps and closes the descriptor. */
export const createLineReader = (fd: number, start = 0, end = Number.POSITIVE_INFINITY): LineReader => {
  let offset = start
  let held: Buffer[] = []
  let heldBytes = 0
  let partial = 0

  /** A part of a line is read again next time: by then its writer may have cut it off and written another. */
  const atEnd = (): readonly Line[] => {
    partial = heldBytes
    held = []
    heldBytes = 0
    return []
  }

  const next = async (): Promise<readonly Line[]> => {
    for (;;) {
      const position = offset + heldBytes
      const size = Math.min(chunkBytes, end - position)
      if (size <= 0) return atEnd()
      const buffer = Buffer.allocUnsafe(size)
      const { bytesRead } = await readSome(fd, buffer, 0, size, position)
      if (bytesRead === 0) return atEnd()
      const chunk = buffer.subarray(0, bytesRead)
      const lines: Line[] = []
      let from = 0
      for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, from)) {
        const part = chunk.subarray(from, at)
        const bytes = held.length === 0 ? part : Buffer.concat([...held, part])
        held = []
        heldBytes = 0
        offset += bytes.length + 1
        lines.push({ bytes, end: offset })
        from = at + 1
      }
      if (from < chunk.length) {
        held.push(chunk.subarray(from))
        heldBytes += chunk.length - from
        if (heldBytes > lineLimit) throw new Error(`a line of more than ${lineLimit} bytes at ${offset}`)
      }
      if (lines.length > 0) return lines
    }
  }
  return { next, offset: () => offset, partial: () => partial }
}

/** All of a file from an offset on, as long as it is now. */
export const readAll = async (path: string, from: number): Promise<Buffer> => {
  const fd = await openFile(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const { size } = await statFile(fd)
    const buffer = Buffer.alloc(Math.max(0, size - from))
    let done = 0
    while (done < buffer.length) {
      const { bytesRead } = await readSome(fd, buffer, done, buffer.length - done, from + done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return buffer.subarray(0, done)
  } finally {
    await closeFile(fd)
  }
}

/** The last whole line and where it ends; undefined where there is none. */
export const lastLine = async (fd: number): Promise<Line | undefined> => {
  const { size } = await statFile(fd)
  let tail = Buffer.alloc(0)
  let from = size
  while (from > 0) {
    const start = Math.max(0, from - chunkBytes)
    const buffer = Buffer.alloc(from - start)
    const { bytesRead } = await readSome(fd, buffer, 0, buffer.length, start)
    tail = Buffer.concat([buffer.subarray(0, bytesRead), tail])
    from = start
    const stop = tail.lastIndexOf(newline)
    if (stop === -1) continue
    const before = stop === 0 ? -1 : tail.lastIndexOf(newline, stop - 1)
    if (before !== -1 || from === 0) return { bytes: tail.subarray(before + 1, stop), end: from + stop + 1 }
  }
  return undefined
}
