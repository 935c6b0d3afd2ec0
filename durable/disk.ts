/**
 * The three calls on which durability rests, as an argument: tests count them and let them fail. Descriptors are
 * plain numbers, because a FileHandle that is garbage-collected ends the process.
 */
import { fdatasync, ftruncate, write } from 'node:fs'
import { promisify } from 'node:util'

export type Disk = {
  /** Writes all of `bytes` at `position`. */
  readonly write: (fd: number, bytes: Uint8Array, position: number) => Promise<void>
  /** Returns when what was written is on stable storage. */
  readonly sync: (fd: number) => Promise<void>
  readonly truncate: (fd: number, size: number) => Promise<void>
}

const writeSome = promisify(write)

export const realDisk: Disk = {
  write: async (fd, bytes, position) => {
    let done = 0
    while (done < bytes.length) {
      const { bytesWritten } = await writeSome(fd, bytes, done, bytes.length - done, position + done)
      done += bytesWritten
    }
  },
  sync: promisify(fdatasync),
  truncate: promisify(ftruncate),
}
