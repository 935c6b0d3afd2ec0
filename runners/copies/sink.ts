/** What a source's walk calls, in its order: the sink itself, or the stream that leads to it. */
import { createHash } from 'node:crypto'
import type { CopyDirectory, CopyFile } from '../../protocol/copies.ts'
import type { SumKind } from './sum.ts'

/** Left by an earlier attempt. Keys are paths from the top of what is copied. */
export type Found = {
  /** Path → the stamp of the source then. */
  readonly done: ReadonlyMap<string, string>
  /** `beginningOf` its path → so many first bytes are there, with this sum. */
  readonly begun: ReadonlyMap<string, { readonly bytes: number; readonly digest: string }>
}

export type FileSink = {
  /** The buffer may be used again once it resolves. */
  readonly write: (data: Buffer) => Promise<void>
  readonly hole: (length: number) => Promise<void>
  /** All of it was given, with this sum. */
  readonly end: (digest: string) => Promise<void>
}

export type Sink = {
  /** Which it wants with each file. */
  readonly sums: SumKind
  readonly found: () => Promise<Found>
  readonly totals: (files: number, bytes: number) => void
  readonly enter: (directory: CopyDirectory) => void
  readonly leave: () => void
  readonly link: (name: string, target: string) => void
  /** A file that is given whole. */
  readonly small: (file: CopyFile, content: Buffer, digest: string) => void
  /** A file in pieces; `offset` of its bytes are there since an earlier attempt. */
  readonly large: (file: CopyFile, offset: number) => Promise<FileSink>
  /**
   * All of a file at once from a descriptor of this process, by the kernel: its bytes do not come up to be written. Only
   * where source and sink are one process. Resolves to what publishes it, once it is known to be whole.
   */
  readonly whole?: (file: CopyFile, source: number) => Promise<FileSink['end']>
  readonly had: (name: string, size: number) => void
  readonly skipped: () => void
  /** Resolves when more may be given. */
  readonly settled: () => Promise<void>
  /** Everything was given; resolves when it is on disk. */
  readonly end: () => Promise<void>
}

/** Large files that are copied at the same time. */
export const filesAtOnce = 2
/** Read for a sum, bytes: what fits into a processor's cache is summed twice as fast. */
export const sumPiece = 256 * 1024

/** Files up to this size are read, hashed and written in one piece. */
export const smallFile = 256 * 1024
export const pieceSize = 1024 * 1024

/** The name under which the beginning of a large file waits, wherever the file belongs. */
export const beginningOf = (path: string): string =>
  `begun-${createHash('sha256').update(path).digest('hex').slice(0, 32)}`
