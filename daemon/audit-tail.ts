/** The last records of the daemon's own chain, read from its end. */
import { constants } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseChainFile, parseRecord } from '../durable/chain-record.ts'
import { closeFile, createLineReader, openFile } from '../durable/lines.ts'
import type { AuditRecord } from '../protocol/audit.ts'

const recordsOf = async (path: string): Promise<readonly AuditRecord[]> => {
  const fd = await openFile(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const reader = createLineReader(fd)
    const records: AuditRecord[] = []
    for (let lines = await reader.next(); lines.length > 0; lines = await reader.next())
      for (const { bytes } of lines) {
        const record = parseRecord(bytes)
        if (record !== undefined) records.push(record)
      }
    return records
  } finally {
    await closeFile(fd)
  }
}

/** At least the last `count` records, as far as there are so many; a file for each day is read whole. */
export const readAuditTail = async (
  dir: string,
  writer: string,
  count: number,
): Promise<readonly AuditRecord[]> => {
  const files = (await readdir(dir)).filter((file) => parseChainFile(file)?.writer === writer).sort()
  let tail: readonly AuditRecord[] = []
  for (const file of files.reverse()) {
    if (tail.length >= count) break
    tail = [...(await recordsOf(join(dir, file))), ...tail]
  }
  return tail
}
