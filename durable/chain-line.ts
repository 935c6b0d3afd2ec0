/**
 * An audit record's line checked by its bytes. The hash covers every byte before it, so a line that continues the chain
 * is what its writer wrote, and nothing of it needs to be parsed; what cannot be told so is for `parseRecord` to say.
 */
import { hash } from 'node:crypto'
import { auditAnchor } from '../protocol/audit.ts'

/** `,"hash":"` 64 digits `"}` */
const hashKey = ',"hash":"'
const suffixBytes = hashKey.length + 64 + 2
/** `{"time":"2026-01-01T00:00:00.000Z` */
const timeBytes = 33
const quote = 34
const brace = 125

export type LineCheck = {
  /** The line's hash where it is record `seq` after `previous`; undefined where a closer look is needed. */
  readonly follows: (line: Buffer, seq: number, previous: string) => string | undefined
}

export const createLineCheck = (writer: string): LineCheck => {
  const before = `","writer":${JSON.stringify(writer)},"seq":`
  let scratch = Buffer.allocUnsafe(4096)
  return {
    follows: (line, seq, previous) => {
      const bodyEnd = line.length - suffixBytes
      const place = `${before}${seq},"event":"`
      if (bodyEnd < timeBytes + place.length) return undefined
      if (line.toString('latin1', timeBytes, timeBytes + place.length) !== place) return undefined
      const size = 64 + bodyEnd + 1
      if (scratch.length < size) scratch = Buffer.allocUnsafe(2 * size)
      scratch.write(previous, 0, 64, 'latin1')
      line.copy(scratch, 64, 0, bodyEnd)
      scratch[size - 1] = brace
      const made = hash('sha256', scratch.subarray(0, size), 'hex')
      return line.toString('latin1', bodyEnd) === `${hashKey}${made}"}` ? made : undefined
    },
  }
}

/** A head of another chain that a record carries. */
export type SaidAnchor = { readonly writer: string; readonly seq: number; readonly hash: string }

/** `,"anchor":"hub/` with the longest name, `=SEQ:` and a hash. */
const anchorBytes = 180
const anchorField = /,"anchor":"([^"\\]+)"$/

export const parseAnchor = (text: string): SaidAnchor | undefined => {
  const match = auditAnchor.exec(text)
  if (match === null) return undefined
  return { writer: match[1] ?? '', seq: Number(match[2]), hash: match[3] ?? '' }
}

/** The anchor of a line that was found good: it stands right before the hash, where no text of a caller ends. */
export const anchorOf = (line: Buffer): SaidAnchor | undefined => {
  const end = line.length - suffixBytes
  if (line[end - 1] !== quote) return undefined
  const match = anchorField.exec(line.toString('latin1', Math.max(0, end - anchorBytes), end))
  return match?.[1] === undefined ? undefined : parseAnchor(match[1])
}
