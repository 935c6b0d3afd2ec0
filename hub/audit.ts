/** The audit log: this hub's own chain, and an index over it and over what the daemons published of theirs. */
import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import { openChain } from '../durable/chain.ts'
import { readChain } from '../durable/chain-verify.ts'
import { ensureDir } from '../durable/files.ts'
import type { AuditRecord } from '../protocol/audit.ts'
import { openAuditIndex } from './audit-index.ts'
import type { Audit, Log } from './context.ts'
import { createOtherHeads } from './other-heads.ts'

export type HubAudit = Audit & {
  /** Takes records of other writers, in order, possibly again; new ones are indexed and told to whoever listens. */
  readonly ingest: (records: readonly AuditRecord[]) => void
  /** Whether the index has records of a writer: where it was thrown away, a feed has to tell its latest ones again. */
  readonly knows: (writer: string) => boolean
  readonly close: () => Promise<void>
}

export type AuditParts = {
  /** Chain and index, 0700. */
  readonly dir: string
  /** `hub/NAME`. */
  readonly writer: string
  /** The host's clock, epoch ms. */
  readonly wall: () => number
  readonly log: Log
}

const batchSize = 1000

export const openAudit = async (parts: AuditParts): Promise<HubAudit> => {
  const { dir, writer } = parts
  await ensureDir(dir, { mode: 0o700 })
  const chain = await openChain({ dir, writer, now: parts.wall })
  const index = openAuditIndex(join(dir, 'index.sqlite'), (err) =>
    parts.log.error({ err }, 'the audit index cannot be written'),
  )
  const watchers = new EventEmitter<{ record: [AuditRecord] }>().setMaxListeners(0)

  // What was written and not indexed before the last stop; all of it, where the index was thrown away or has holes.
  const batch: AuditRecord[] = []
  const after = index.isWhole() ? index.lastSeq(writer) : 0
  for await (const record of readChain(dir, { writer, after })) {
    batch.push(record)
    if (batch.length >= batchSize) index.add(batch.splice(0))
  }
  index.add(batch)
  if (!index.isWhole()) index.becameWhole()

  const heads = createOtherHeads()
  const tell = (record: AuditRecord): void => {
    watchers.emit('record', record)
  }
  return {
    record: async (entry) => {
      const record = await chain.append({ ...entry, anchor: heads.take() })
      index.add([record])
      tell(record)
      return record
    },
    head: () => `${writer}=${chain.head()}`,
    onRecord: (listener) => {
      watchers.on('record', listener)
      return () => watchers.off('record', listener)
    },
    search: (query) => index.search(query),
    knows: (of) => index.lastSeq(of) > 0,
    ingest: (records) => {
      const named = new Map(records.map((record) => [`${record.writer}#${record.seq}`, record]))
      const fresh = [...named.values()].filter((record) => record.writer !== writer && !index.has(record))
      index.add(fresh)
      heads.note(fresh)
      for (const record of fresh) tell(record)
    },
    close: async () => {
      await chain.close()
      index.close()
    },
  }
}
