/** One writer's hash chain of audit records: files `audit-<writer>-YYYYMMDD.ndjson`, 0600. */
import { constants } from 'node:fs'
import { readdir, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import type { AuditEntry, AuditRecord } from '../protocol/audit.ts'
import { SeneschalError } from '../protocol/errors.ts'
import {
  chainFile,
  createRecord,
  dayOf,
  formatHead,
  genesis,
  parseChainFile,
  parseRecord,
  recordText,
} from './chain-record.ts'
import { type Disk, realDisk } from './disk.ts'
import { ensureDir } from './files.ts'
import { createGroupCommit } from './group-commit.ts'
import { closeFile, lastLine, openFile, statFile } from './lines.ts'

export type Chain = {
  /**
   * Resolves when the record is on disk; appends that wait together share one sync. Rejects with `audit.unwritable`:
   * then the log ends where it ended before, and the next append tries again.
   */
  readonly append: (entry: AuditEntry) => Promise<AuditRecord>
  /** `SEQ:HASH` of the last durable record: an anchor that somebody else may keep. `0:000…` before the first. */
  readonly head: () => string
  /** The last durable record. */
  readonly last: () => AuditRecord | undefined
  readonly close: () => Promise<void>
}

export type ChainSettings = {
  /** Created 0700. */
  readonly dir: string
  /** `hub/NAME` or `daemon/NAME`. */
  readonly writer: string
  /** Epoch ms. */
  readonly now: () => number
  readonly disk?: Disk | undefined
}

type Tail = { readonly file: string; readonly size: number; readonly record: AuditRecord | undefined }

/** The end of one file: half a line there was never acknowledged, a whole one must be a record. */
const tailOf = async (dir: string, file: string, writer: string): Promise<Tail> => {
  const fd = await openFile(join(dir, file), constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const line = await lastLine(fd)
    if (line === undefined) return { file, size: 0, record: undefined }
    const record = parseRecord(line.bytes)
    if (record?.writer !== writer)
      throw new SeneschalError(
        'audit.unwritable',
        `The last record of ${file} is damaged (${(await statFile(fd)).size} bytes); verify the log.`,
      )
    return { file, size: line.end, record }
  } finally {
    await closeFile(fd)
  }
}

const findTail = async (dir: string, writer: string): Promise<Tail | undefined> => {
  const files = (await readdir(dir)).filter((file) => parseChainFile(file)?.writer === writer).sort()
  let newest: Tail | undefined
  for (const file of files.reverse()) {
    const tail = await tailOf(dir, file, writer)
    newest ??= tail
    if (tail.record !== undefined) return { ...newest, record: tail.record }
  }
  return newest
}

export const openChain = async (settings: ChainSettings): Promise<Chain> => {
  const { dir, writer, now } = settings
  if (parseChainFile(chainFile(writer, '20000101'))?.writer !== writer)
    throw new SeneschalError('config.invalid', `${JSON.stringify(writer)} cannot be the name of a writer.`)
  await ensureDir(dir, { mode: 0o700 })
  const tail = await findTail(dir, writer)
  // Now, and not at the next append: that one may go to the next day's file.
  if (tail !== undefined) await truncate(join(dir, tail.file), tail.size)

  let durable = tail?.record
  /** The last record given out, durable or not. */
  let newest = durable
  let day = tail === undefined ? '' : (parseChainFile(tail.file)?.day ?? '')

  const commits = createGroupCommit({
    dir,
    disk: settings.disk ?? realDisk,
    end: tail === undefined ? undefined : { file: tail.file, size: tail.size },
    onLost: () => {
      newest = durable
      day = parseChainFile(commits.durable()?.file ?? '')?.day ?? ''
    },
  })

  return {
    append: async (entry) => {
      const at = now()
      const record = createRecord(entry, {
        writer,
        seq: (newest?.seq ?? 0) + 1,
        at,
        previous: newest?.hash ?? genesis,
      })
      newest = record
      // A clock set back does not reopen an older file: files in the order of their names are the chain.
      if (dayOf(at) > day) day = dayOf(at)
      try {
        await commits.append(chainFile(writer, day), Buffer.from(`${recordText(record)}\n`))
      } catch (cause) {
        throw new SeneschalError('audit.unwritable', undefined, { cause })
      }
      durable = record
      return record
    },
    head: () => formatHead(durable?.seq ?? 0, durable?.hash ?? genesis),
    last: () => durable,
    close: commits.close,
  }
}
