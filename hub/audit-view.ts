/** What one person may see of the audit log, and which records somebody asks for: the same for search and stream. */
import { rolesOf } from '../policy/roles.ts'
import type { AuditRecord } from '../protocol/audit.ts'
import type { AuditQuery, PolicyView, Viewer } from './context.ts'
import { mayView, whoIs } from './visible.ts'

export type AuditView = {
  /** Views of the same key show the same. */
  readonly key: string
  readonly sees: (record: Pick<AuditRecord, 'person' | 'account' | 'workflow'>) => boolean
  readonly present: (record: AuditRecord) => AuditRecord
}

/** Auditors and administrators see all; others what they did, and what was done where they may look. */
const seesAll = (policy: PolicyView, viewer: Viewer): boolean => {
  const snapshot = policy.snapshot()
  if (snapshot === undefined) return false
  const roles = rolesOf(snapshot, whoIs(viewer))
  return roles.includes('auditor') || roles.includes('admin')
}

/** For one viewer as of now; answers about the same workflow are remembered for as long as it is used. */
export const createAuditView = (policy: PolicyView, viewer: Viewer): AuditView => {
  const all = seesAll(policy, viewer)
  const known = new Map<string, boolean>()
  const mayLook = (account: string, workflow: string | null): boolean => {
    const key = `${account}/${workflow ?? ''}`
    const answer = known.get(key) ?? mayView(policy, viewer, account, workflow ?? undefined)
    known.set(key, answer)
    return answer
  }
  return {
    key: all
      ? 'all'
      : JSON.stringify([viewer.kind, viewer.person, viewer.groups, viewer.accounts, viewer.scope]),
    sees: (record) =>
      all ||
      record.person === viewer.person ||
      (record.account !== null && mayLook(record.account, record.workflow)),
    // From where somebody else acted is for auditors.
    present: (record) =>
      all || record.person === viewer.person ? record : { ...record, session: null, address: null },
  }
}

export type AuditFilter = Omit<AuditQuery, 'cursor' | 'limit' | 'visible'>

const exact = ['person', 'account', 'workflow', 'event', 'action', 'outcome'] as const

/** What text is looked for in. */
export const saidBy = ({ sentence, reason, request }: AuditRecord): string =>
  [sentence, reason, request].filter((text) => text !== null).join('\n')

/** Whether a record is asked for; the index answers the same of those that it has. */
export const matchesFilter = (filter: AuditFilter): ((record: AuditRecord) => boolean) => {
  const text = filter.text?.toLowerCase()
  return (record) => {
    if (exact.some((field) => filter[field] !== undefined && filter[field] !== record[field])) return false
    const at = Date.parse(record.time)
    if (filter.since !== undefined && at < filter.since) return false
    if (filter.until !== undefined && at >= filter.until) return false
    return text === undefined || saidBy(record).toLowerCase().includes(text)
  }
}
