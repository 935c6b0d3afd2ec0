/** What a viewer may know of: the one filter behind accounts, wall, requests and the proxy. */
import type { Who } from '../policy/types.ts'
import type { PolicyView, SiteView, Viewer } from './context.ts'

/** A kiosk's name fits no person (it has a colon) and it has no groups, so only `everyone` means it. */
export const whoIs = (viewer: Pick<Viewer, 'person' | 'groups' | 'scope'>): Who => ({
  kind: 'person',
  name: viewer.person,
  groups: viewer.groups,
  scope: viewer.scope,
})

/**
 * Whether the viewer may see a workflow, or, without one, the account as a whole. An administrator who enrolled
 * a kiosk for some accounts overrides what their account and site layers say about reading; a workflow's own
 * layer, limits and locks still hold, so that a sensitive workflow never appears on a wall by accident.
 */
export const mayView = (policy: PolicyView, viewer: Viewer, account: string, workflow?: string): boolean => {
  const listed = viewer.accounts?.includes(account)
  if (listed === false) return false
  const decision = policy.decide({ who: whoIs(viewer), action: 'view', account, workflow })
  if (decision.allowed || viewer.kind !== 'kiosk' || listed !== true) return decision.allowed
  // Nobody named is a layer's silence, which the list fills; nothing known is none.
  const known = policy.snapshot(account)
  if (known === undefined || !Object.hasOwn(known.accounts, account)) return false
  return decision.layer === undefined || decision.layer === 'site' || decision.layer === 'account'
}

export type Visibility = { readonly site: SiteView; readonly policy: PolicyView }

/** Whether there is anything in the account that the viewer may see; an absent account has nothing. */
export const mayViewAnything = ({ site, policy }: Visibility, viewer: Viewer, account: string): boolean => {
  if (viewer.accounts?.includes(account) === false || site.account(account) === undefined) return false
  if (mayView(policy, viewer, account)) return true
  return site.summaries(account).some((row) => mayView(policy, viewer, account, row.workflow))
}
