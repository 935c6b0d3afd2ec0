/**
 * Answered requests of days that are over: their directories become one archive a day. Killed at any moment, a status
 * stands in its directory, in an archive, or in both.
 */
import { opendirSync, rmdirSync, rmSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { dayOf } from '../../durable/chain-record.ts'
import { errnoOf } from '../../durable/files.ts'
import {
  inPublished,
  isUnfinishedArchive,
  type Published,
  readPublished,
  writeDayArchive,
} from '../../durable/status-files.ts'
import { isPublishedName } from '../../protocol/public-status.ts'

/** Looked at or taken away in one turn of the loop; then others get theirs. */
const perTurn = 8
/** In one archive: what is held in memory at once. */
const mostPerArchive = 20_000

/** Names in a directory, however many there are, others getting their turn in between. */
async function* namesIn(directory: string): AsyncGenerator<string> {
  const opened = opendirSync(directory, { bufferSize: 256 })
  try {
    for (let count = 1; ; count += 1) {
      const entry = opened.readSync()
      if (entry === null) return
      yield entry.name
      if (count % perTurn === 0) await turn()
    }
  } finally {
    opened.closeSync()
  }
}

/** Only what the daemon put there is removed: whatever else somebody of the group added stays, and so does it. */
const removePublished = (directory: string, name: string): void => {
  const path = join(directory, name)
  try {
    inPublished(path, (opened) => unlinkSync(`/proc/self/fd/${opened}/status.json`))
    rmdirSync(path)
  } catch (thrown) {
    if (
      !['ENOENT', 'ENOTDIR', 'ELOOP', 'ENOTEMPTY', 'EISDIR', 'EACCES', 'EPERM'].includes(
        errnoOf(thrown) ?? '',
      )
    )
      throw thrown
  }
}

/** Half-made archives and directories of a daemon that was killed; nobody else makes any while this runs. */
const removeUnfinished = async (directory: string): Promise<void> => {
  for await (const name of namesIn(directory))
    if (isUnfinishedArchive(name)) rmSync(join(directory, name), { force: true })
}

export type Consolidation = {
  /** `3_finished` or `3_error`. */
  readonly directory: string
  /** Statuses from before this time (epoch ms) go, once their day is over. */
  readonly before: number
  readonly signal: AbortSignal
}

/** Resolves with how many were archived. */
export const consolidate = async ({ directory, before, signal }: Consolidation): Promise<number> => {
  const today = dayOf(before)
  /** Archived, and perhaps not to be removed: once is enough. */
  const archived = new Set<string>()
  await removeUnfinished(directory)

  const gather = async (): Promise<readonly Published[]> => {
    const found: Published[] = []
    for await (const name of namesIn(directory)) {
      if (signal.aborted || found.length === mostPerArchive) break
      if (!isPublishedName(name) || archived.has(name)) continue
      const status = readPublished(directory, name)
      if (status !== undefined && dayOf(status.at) < today) found.push({ name, status })
    }
    return found
  }

  for (let found = await gather(); found.length > 0 && !signal.aborted; found = await gather()) {
    for (const [day, statuses] of Map.groupBy(found, ({ status }) => dayOf(status.at)))
      await writeDayArchive(directory, day, statuses)
    for (const [index, { name }] of found.entries()) {
      archived.add(name)
      removePublished(directory, name)
      if (index % perTurn === 0) await turn()
    }
  }
  return archived.size
}
