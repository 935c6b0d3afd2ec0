/**
 * Requests that were granted in the last hour, and how they ended as far as that is known: a view of the audit log, so
 * that a hub knows what the one before it promised. A daemon's feed says more, but later, and only of the latest.
 */
import type { AuditRecord } from '../protocol/audit.ts'
import type { RequestState } from '../protocol/requests.ts'
import type { Audit, Clock } from './context.ts'
import { intentKey } from './open-intents.ts'

export type GrantedRequest = {
  readonly id: string
  readonly person: string | null
  readonly account: string
  readonly workflow: string | undefined
  readonly state: RequestState
  readonly code: string | null
}

export type Granted = {
  readonly get: (id: string) => GrantedRequest | undefined
}

const kept = 60 * 60_000
const pageSize = 1000

/** Newest first, as the log gives them. */
function* recordsSince(audit: Pick<Audit, 'search'>, event: AuditRecord['event'], since: number) {
  const query = { since, event, limit: pageSize, visible: () => true }
  let page = audit.search(query)
  yield* page.records
  while (page.cursor !== null) {
    page = audit.search({ ...query, cursor: page.cursor })
    yield* page.records
  }
}

export const createGranted = (parts: {
  readonly audit: Pick<Audit, 'search' | 'onRecord'>
  readonly now: Clock
}): Granted => {
  /** In the order of their coming, so that the oldest are found first. */
  const known = new Map<
    string,
    { readonly at: number; readonly intent: string; readonly request: GrantedRequest }
  >()

  const forgetOld = () => {
    const oldest = parts.now() - kept
    for (const [id, { at }] of known) {
      if (at > oldest) return
      known.delete(id)
    }
  }
  const take = (record: AuditRecord) => {
    const { event, request: id, account, workflow, person, code } = record
    if (id === null || account === null) return
    const intent = intentKey(record)
    const at = Date.parse(record.time)
    const { outcome } = record
    const entry = known.get(id)
    if (event === 'action.intended') {
      const request = {
        id,
        person,
        account,
        workflow: workflow ?? undefined,
        state: 'waiting',
        code: null,
      } as const
      known.set(id, { at, intent, request })
    } else if (event === 'action.not-sent') known.delete(id)
    else if (
      (event === 'action.done' || event === 'action.not-done') &&
      entry?.intent === intent &&
      outcome !== 'allowed'
    )
      known.set(id, { ...entry, request: { ...entry.request, state: outcome, code } })
  }

  const since = parts.now() - kept
  // Intents first: a daemon's clock may be behind ours.
  for (const event of ['action.intended', 'action.not-sent', 'action.done', 'action.not-done'] as const)
    for (const record of [...recordsSince(parts.audit, event, since)].reverse()) take(record)
  parts.audit.onRecord((record) => {
    forgetOld()
    take(record)
  })

  return {
    get: (id) => {
      forgetOld()
      return known.get(id)?.request
    },
  }
}
