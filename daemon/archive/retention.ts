/** What is kept of old archives, and of files that somebody began to write into `0_temp` and left. */
import { lstat, opendir, rm, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { dayOf } from '../../durable/chain-record.ts'
import { errnoOf, isAbsent } from '../../durable/files.ts'
import { listDayArchives } from '../../durable/status-files.ts'

export type Keep = {
  /** Of days before this time, epoch ms, nothing is kept. */
  readonly since: number
  /** Bytes of all archives of a directory; the oldest go first. */
  readonly bytes: number
}

/** Resolves with the files that were removed. */
export const dropOldArchives = async (directory: string, keep: Keep): Promise<readonly string[]> => {
  const removed: string[] = []
  const firstDay = dayOf(keep.since)
  let total = 0
  for (const { file, day } of (await listDayArchives(directory)).toReversed()) {
    const path = join(directory, file)
    const found = await lstat(path).catch((thrown: unknown) => {
      if (isAbsent(thrown)) return undefined
      throw thrown
    })
    // A directory of that name is none of ours.
    if (found === undefined || found.isDirectory()) continue
    total += found.size
    if (day >= firstDay && total <= keep.bytes) continue
    await rm(path, { force: true })
    removed.push(file)
  }
  return removed
}

/** Cannot be removed by whoever owns the directory alone: it is not empty, or went meanwhile. */
const stays = (thrown: unknown): boolean =>
  ['ENOENT', 'ENOTEMPTY', 'EPERM', 'EACCES', 'EBUSY'].includes(errnoOf(thrown) ?? '')

/**
 * Removes what has not been touched since `before` (epoch ms). The time of the inode's change counts: its owner cannot
 * set that one back, nor forward. Resolves with how many went.
 */
export const sweepTemporary = async (directory: string, before: number): Promise<number> => {
  let count = 0
  for await (const entry of await opendir(directory)) {
    const path = join(directory, entry.name)
    try {
      const found = await lstat(path)
      if (found.ctimeMs >= before) continue
      await (found.isDirectory() ? rmdir(path) : unlink(path))
      count += 1
    } catch (thrown) {
      if (!stays(thrown)) throw thrown
    }
  }
  return count
}
