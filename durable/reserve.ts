/**
 * Room on a disk that is kept for the day on which it is full: a file that holds nothing, and gives its blocks back in
 * slices. It only keeps room from others on a file system to which nobody else may write.
 */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { realDisk } from './disk.ts'
import { closeFile, openFile, statFile } from './lines.ts'

export type Reserve = {
  /** Gives one slice back to the file system; false where none is left. */
  readonly give: () => Promise<boolean>
  /** Fills it up again; false while there is no room, and then it holds what it held. */
  readonly refill: () => Promise<boolean>
  /** Bytes. */
  readonly left: () => number
  /** Whether it holds all that it is to hold, and that is something. */
  readonly isWhole: () => boolean
  readonly close: () => Promise<void>
}

const slice = 64 * 1024

/** Whether something failed because the disk, a quota or a limit is used up, however deep that stands. */
export const isOutOfRoom = (thrown: unknown): boolean => {
  for (let error = thrown; error instanceof Error; error = error.cause)
    if ('code' in error && ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(String(error.code))) return true
  return false
}

/** A small disk is not all for the day on which it is full: of what is free it takes so much at most. */
const share = 4

/** `reserve` in the directory, 0600. Where there is no room for it at the start it is empty. */
export const openReserve = async (dir: string, most: number): Promise<Reserve> => {
  const { O_CREAT, O_RDWR, O_NOFOLLOW } = constants
  const fd = await openFile(join(dir, 'reserve'), O_CREAT | O_RDWR | O_NOFOLLOW, 0o600)
  const { bavail, bsize } = await statfs(dir)
  const there = (await statFile(fd)).size
  const bytes = Math.min(most, Math.max(there, Math.floor((bavail * bsize + there) / share)))
  let left = Math.min(there, bytes)
  const refill = async (): Promise<boolean> => {
    const before = left
    try {
      // Written, and nothing that could be squeezed: a hole in a file keeps no room.
      for (; left < bytes; left = Math.min(left + slice, bytes))
        await realDisk.write(fd, randomBytes(Math.min(slice, bytes - left)), left)
      await realDisk.sync(fd)
      return true
    } catch (thrown) {
      left = before
      await realDisk.truncate(fd, left)
      if (isOutOfRoom(thrown)) return false
      throw thrown
    }
  }
  try {
    await refill()
  } catch (thrown) {
    await closeFile(fd)
    throw thrown
  }
  return {
    give: async () => {
      if (left === 0) return false
      left = Math.max(0, left - slice)
      await realDisk.truncate(fd, left)
      await realDisk.sync(fd)
      return true
    },
    refill,
    left: () => left,
    isWhole: () => bytes > 0 && left === bytes,
    close: () => closeFile(fd),
  }
}
