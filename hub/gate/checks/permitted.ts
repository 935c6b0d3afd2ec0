/** What is wanted may ever be done by this viewer. What may not be seen looks exactly like what is not there. */
import { tellDecision } from '../../../policy/words.ts'
import { SeneschalError } from '../../../protocol/errors.ts'
import type { PermissionAction } from '../../../protocol/permissions.ts'
import type { Viewer, Wants } from '../../context.ts'
import { mayView, mayViewAnything, whoIs } from '../../visible.ts'
import type { Check, GateParts } from '../visit.ts'

const mustSee = (viewer: Viewer, wants: Wants, parts: GateParts): void => {
  const { account, workflow } = wants
  if (wants.anywhere === true && mayViewAnything(parts, viewer, account)) return
  const hasAccount = parts.site.account(account) !== undefined
  const exists = workflow === undefined ? hasAccount : parts.site.summary(account, workflow) !== undefined
  if (exists && mayView(parts.policy, viewer, account, workflow)) return
  const knowsAccount = workflow !== undefined && hasAccount && mayView(parts.policy, viewer, account)
  throw new SeneschalError(knowsAccount ? 'workflow.unknown' : 'account.unknown')
}

const mayAnywhere = (viewer: Viewer, action: PermissionAction, account: string, parts: GateParts): boolean =>
  parts.site
    .summaries(account)
    .some(({ workflow }) => parts.policy.decide({ who: whoIs(viewer), action, account, workflow }).allowed)

export const permitted: Check = (visit, parts) => {
  const { viewer, wants } = visit
  if (wants === undefined) return
  if (viewer === undefined) throw new SeneschalError('internal')
  mustSee(viewer, wants, parts)
  if (wants.action === 'view') return
  if (viewer.kind === 'kiosk') throw new SeneschalError('kiosk.wall-only')
  const { action, account, workflow } = wants
  const decision = parts.policy.decide({ who: whoIs(viewer), action, account, workflow })
  if (decision.allowed) return
  if (wants.anywhere === true && mayAnywhere(viewer, action, account, parts)) return
  throw new SeneschalError(
    decision.layer === 'lock' ? 'lock.held' : 'permission.denied',
    tellDecision(decision),
  )
}
