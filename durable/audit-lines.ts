/**
 * Audit records as `TIMESTAMP key=value …` lines, for log analysis systems. A view beside the chain, which stays the
 * record: a line may be missing after a power cut, and comes again where it was not the last one of its file.
 */
import { readFileSync } from 'node:fs'
import type { AuditRecord } from '../protocol/audit.ts'
import { openFileOutput } from './file-output.ts'
import { isAbsent } from './files.ts'

export type AuditLines = {
  readonly write: (record: AuditRecord) => void
  readonly reopen: () => void
  readonly close: () => void
}

/** Needs no quotes in any of the readers that there are. */
const plain = /^[A-Za-z0-9._:/@+~-]+$/

const shown = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  // A record holds no control character: whoever made it put them into words.
  return plain.test(text) ? text : JSON.stringify(text)
}

export const auditLine = ({ time, ...fields }: AuditRecord): string =>
  `${[
    time,
    ...Object.entries(fields)
      .filter(([, value]) => value !== null)
      .map(([key, value]) => `${key}=${shown(value)}`),
  ].join(' ')}\n`

const lostLines = (count: number): string => `lost=${count} reason="lines of this log could not be written"\n`

/** Number of the last line of a writer; 0 where the file has none. */
const lastSeq = (path: string, writer: string): number => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (thrown) {
    if (isAbsent(thrown)) return 0
    throw thrown
  }
  const own = text.split('\n').findLast((line) => line.includes(` writer=${writer} seq=`))
  return Number(/ seq=(\d+) /.exec(own ?? '')?.[1] ?? 0)
}

/** `recent`: the writer's latest records; those after the last line are written at once. */
export const openAuditLines = (settings: {
  readonly path: string
  readonly writer: string
  readonly recent: readonly AuditRecord[]
}): AuditLines => {
  const { path, writer } = settings
  const after = lastSeq(path, writer)
  const output = openFileOutput({ path, mode: 0o640, lost: lostLines })
  if (after > 0) for (const record of settings.recent) if (record.seq > after) output.write(auditLine(record))
  return {
    write: (record) => output.write(auditLine(record)),
    reopen: output.reopen,
    close: output.close,
  }
}
