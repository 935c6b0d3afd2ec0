/** Intents that lead nowhere: allowed and recorded by a hub that then died, or was cut off, before it could hand over. */
import { readChain } from '../durable/chain-verify.ts'
import type { AuditRecord } from '../protocol/audit.ts'

const outcomes: ReadonlySet<AuditRecord['event']> = new Set([
  'action.done',
  'action.not-done',
  'action.not-sent',
])

/**
 * An id alone joins nothing: an account may file a request of its own under the id of somebody's grant, and its outcome
 * is not theirs.
 */
export const intentKey = ({
  request,
  person,
  account,
  action,
}: Pick<AuditRecord, 'request' | 'person' | 'account' | 'action'>): string =>
  JSON.stringify([request, person, account, action])

/**
 * Those without an outcome in any of these audit directories, the oldest first: a hub's and its daemons' belong
 * together. undefined where no daemon's is among them, so that nothing can be said.
 */
export const openIntents = async (dirs: readonly string[]): Promise<readonly AuditRecord[] | undefined> => {
  const intents = new Map<string, AuditRecord>()
  const ended = new Set<string>()
  let hasDaemon = false
  for (const dir of dirs)
    for await (const record of readChain(dir)) {
      hasDaemon ||= record.writer.startsWith('daemon/')
      if (record.request === null) continue
      const key = intentKey(record)
      // Whichever directory comes first.
      if (record.event === 'action.intended' && !ended.delete(key)) intents.set(key, record)
      else if (outcomes.has(record.event) && !intents.delete(key)) ended.add(key)
    }
  if (!hasDaemon) return undefined
  return [...intents.values()].sort((a, b) => a.time.localeCompare(b.time))
}
