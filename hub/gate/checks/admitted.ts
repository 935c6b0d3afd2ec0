/** Not locked out, and not somebody whom a name would make an account. */
import { SeneschalError } from '../../../protocol/errors.ts'
import type { Viewer } from '../../context.ts'
import type { Check, GateParts } from '../visit.ts'

/** The code that keeps somebody out, or undefined. */
export const keptOut = (
  viewer: Pick<Viewer, 'kind' | 'person'>,
  parts: Pick<GateParts, 'policy' | 'site' | 'allowAccountNames'>,
): 'lock.held' | 'auth.not-mapped' | undefined => {
  if (viewer.kind === 'kiosk') return undefined
  if (parts.policy.snapshot()?.locks.persons.includes(viewer.person)) return 'lock.held'
  const isAccount = parts.site.account(viewer.person) !== undefined
  return isAccount && !parts.allowAccountNames.includes(viewer.person) ? 'auth.not-mapped' : undefined
}

export const admitted: Check = (visit, parts) => {
  const code = visit.viewer === undefined ? undefined : keptOut(visit.viewer, parts)
  if (code !== undefined) throw new SeneschalError(code)
}
