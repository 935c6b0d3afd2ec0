/** The audit log: this hub's own chain, and an index over it and over what the daemons published of theirs. */
import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import { openChain } from '../durable/chain.ts'
import { readChain } from '../durable/chain-verify.ts'
import { ensureDir } from '../durable/files.ts'
import { reserveFor } from '../durable/reserved-chain.ts'
import { type AuditEntry, type AuditRecord, servedByReserve } from '../protocol/audit.ts'
import { openAuditIndex } from './audit-index.ts'
import type { Audit, AuditHealth, Log } from './context.ts'
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
  /** Bytes kept on the disk for what must not wait when it is full. */
  readonly reserve?: number
}

const batchSize = 1000
/** Some thousand records. */
const reserveBytes = 4 * 1024 * 1024
const probeEvery = 2000

const isUrgent = ({ event, action }: AuditEntry): boolean =>
  (event === 'action.intended' || event === 'action.not-sent') &&
  action != null &&
  servedByReserve.has(action)

export const openAudit = async (parts: AuditParts): Promise<HubAudit> => {
  const { dir, writer } = parts
  await ensureDir(dir, { mode: 0o700 })
  const chain = await reserveFor(await openChain({ dir, writer, now: parts.wall }), {
    dir,
    bytes: parts.reserve ?? reserveBytes,
  })
  const index = openAuditIndex(join(dir, 'index.sqlite'), {
    onProblem: (err) => parts.log.error({ err }, 'the audit index cannot be written'),
    isFull: () => !chain.health().writable,
  })
  const watchers = new EventEmitter<{ record: [AuditRecord]; health: [AuditHealth] }>().setMaxListeners(0)

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
  let wasWritable = true
  const tellHealth = (err?: unknown): void => {
    const { writable, reserve } = chain.health()
    if (writable === wasWritable) return
    wasWritable = writable
    if (writable) parts.log.info({}, 'the audit log can be written again')
    else
      parts.log.error(
        { err, reserve },
        'the audit log cannot be written: actions are refused, reading goes on',
      )
    watchers.emit('health', { writable })
  }
  const append = async (entry: AuditEntry): Promise<AuditRecord> => {
    try {
      return await chain.append(entry, isUrgent(entry))
    } catch (err) {
      tellHealth(err)
      throw err
    } finally {
      tellHealth()
    }
  }
  // Room comes back without anybody acting.
  const probing = setInterval(() => {
    if (chain.health().writable) return
    chain.probe().then(
      () => tellHealth(),
      (err: unknown) => parts.log.error({ err }, 'the reserve of the audit log cannot be filled'),
    )
  }, probeEvery).unref()
  const tell = (record: AuditRecord): void => {
    watchers.emit('record', record)
  }
  return {
    record: async (entry) => {
      const record = await append({ ...entry, anchor: heads.take() })
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
    health: () => ({ writable: chain.health().writable }),
    onHealth: (listener) => {
      watchers.on('health', listener)
      return () => watchers.off('health', listener)
    },
    knows: (of) => index.lastSeq(of) > 0,
    ingest: (records) => {
      const named = new Map(records.map((record) => [`${record.writer}#${record.seq}`, record]))
      const fresh = [...named.values()].filter((record) => record.writer !== writer && !index.has(record))
      index.add(fresh)
      heads.note(fresh)
      for (const record of fresh) tell(record)
    },
    close: async () => {
      clearInterval(probing)
      await chain.close()
      index.close()
    },
  }
}
