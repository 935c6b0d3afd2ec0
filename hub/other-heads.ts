/** The newest heads of the daemons' chains, as far as they were published: each goes into one record of this hub. */
import type { AuditRecord } from '../protocol/audit.ts'

export type OtherHeads = {
  readonly note: (records: readonly AuditRecord[]) => void
  /** `WRITER=SEQ:HASH` of the one that waits longest, or null where each was taken. */
  readonly take: () => string | null
}

export const createOtherHeads = (): OtherHeads => {
  const newest = new Map<string, number>()
  const waiting = new Map<string, string>()
  return {
    note: (records) => {
      for (const { writer, seq, hash } of records) {
        // A feed that begins anew tells older ones again.
        if (seq <= (newest.get(writer) ?? 0)) continue
        newest.set(writer, seq)
        waiting.set(writer, `${writer}=${seq}:${hash}`)
      }
    },
    take: () => {
      const [first] = waiting
      if (first === undefined) return null
      waiting.delete(first[0])
      return first[1]
    },
  }
}
