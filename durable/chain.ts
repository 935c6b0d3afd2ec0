/** One writer's hash chain of audit records: files `audit-<writer>-YYYYMMDD.ndjson`, 0600. */
import type { AuditEntry, AuditRecord } from '../protocol/audit.ts'
import type { Disk } from './disk.ts'

export type Chain = {
  /** Resolves when the record is on disk; appends that wait together share one sync. Rejects with `audit.unwritable`. */
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

export declare const openChain: (settings: ChainSettings) => Promise<Chain>
