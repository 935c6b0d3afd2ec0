/**
 * Small regular files in the tar format (POSIX.1-1988 "ustar", which every tar program reads): what the archives of
 * requests need and no more. Whatever else stands in an archive is skipped, never created anywhere.
 */
import { SeneschalError } from '../protocol/errors.ts'

export type TarFile = {
  readonly name: string
  readonly data: Buffer
  /** Epoch, s. */
  readonly mtime: number
}

const block = 512
const padded = (size: number): number => Math.ceil(size / block) * block

/** Bytes of one entry, header and padding included. Throws RangeError for what has no room in such a header. */
export const tarEntry = ({ name, data, mtime }: TarFile): Buffer => {
  if (Buffer.byteLength(name) > 100 || /\0/.test(name))
    throw new RangeError(`${name} is no name for an archive`)
  const entry = Buffer.alloc(block + padded(data.length))
  const octal = (value: number, at: number, digits: number): void => {
    const text = Math.floor(value).toString(8).padStart(digits, '0')
    if (text.length > digits) throw new RangeError(`${value} has no room in an archive`)
    entry.write(`${text}\0`, at, 'latin1')
  }
  entry.write(name, 0)
  octal(0o644, 100, 7)
  octal(0, 108, 7)
  octal(0, 116, 7)
  octal(data.length, 124, 11)
  octal(mtime, 136, 11)
  // The sum is taken with blanks in its own place.
  entry.fill(' ', 148, 156)
  entry.write('0', 156, 'latin1')
  entry.write('ustar\x0000', 257, 'latin1')
  const sum = entry.subarray(0, block).reduce((total, byte) => total + byte, 0)
  entry.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  data.copy(entry, block)
  return entry
}

/** What ends an archive. */
export const tarEnd = Buffer.alloc(2 * block)

const octalAt = (header: Buffer, at: number, length: number): number => {
  const text = header.toString('latin1', at, at + length).replace(/[\0 ]+$/, '')
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN
}
const textAt = (header: Buffer, at: number, length: number): string => {
  const bytes = header.subarray(at, at + length)
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end === -1 ? length : end)
}

type Header = {
  readonly name: string
  readonly size: number
  readonly mtime: number
  readonly isFile: boolean
}

const readHeader = (header: Buffer): Header => {
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0)
  const size = octalAt(header, 124, 12)
  if (octalAt(header, 148, 8) !== sum || Number.isNaN(size))
    throw new SeneschalError('input.invalid', 'It is not a tar archive.')
  const prefix = textAt(header, 345, 155)
  const name = textAt(header, 0, 100)
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    size,
    mtime: octalAt(header, 136, 12),
    isFile: header[156] === 0x30 || header[156] === 0,
  }
}

/** Regular files of at most `maxBytes` each, as they come. Throws `input.invalid` for what is no archive. */
export async function* readTar(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<TarFile> {
  let held: Buffer = Buffer.alloc(0)
  let header: Header | undefined
  /** Bytes of something that nobody wants. */
  let skip = 0
  for await (const chunk of chunks) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    for (;;) {
      if (skip > 0) {
        const now = Math.min(skip, held.length)
        held = held.subarray(now)
        skip -= now
        if (skip > 0) break
      }
      if (header === undefined) {
        if (held.length < block) break
        const first = held.subarray(0, block)
        held = held.subarray(block)
        if (first.every((byte) => byte === 0)) return
        const read = readHeader(first)
        if (read.isFile && read.size <= maxBytes) header = read
        else skip = padded(read.size)
        continue
      }
      const { name, size, mtime } = header
      if (held.length < padded(size)) break
      yield { name, data: Buffer.from(held.subarray(0, size)), mtime }
      held = held.subarray(padded(size))
      header = undefined
    }
  }
  throw new SeneschalError('input.invalid', 'The archive ends in the middle.')
}
