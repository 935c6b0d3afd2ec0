/** The site as its daemons publish it: who may do what, and how accounts, workflows and requests are. */
import type { AuditRecord } from '../protocol/audit.ts'
import { SeneschalError } from '../protocol/errors.ts'
import type { Clock, Log, PolicyView, SiteView } from './context.ts'

export type DaemonSource = {
  readonly name: string
  /** Its site feed: the directory `feed/site`. */
  readonly feed: string
  /** The accounts that it serves; without a list, those that its own snapshot names. */
  readonly accounts?: readonly string[] | undefined
}

export type SiteParts = {
  readonly daemons: readonly DaemonSource[]
  readonly now: Clock
  readonly log: Log
  /** Takes the daemons' own audit records, in order, possibly again after a reset. */
  readonly ingestAudit: (records: readonly AuditRecord[]) => void
  /** Stands behind the file watcher, ms. */
  readonly pollMs?: number
}

export type Site = {
  readonly view: SiteView
  readonly policy: PolicyView
  readonly close: () => Promise<void>
}

export const createSite = (_parts: SiteParts): Site => {
  throw new SeneschalError('internal')
}
