/** Permissions that the daemon has not confirmed for a while may have been taken away. */
import { SeneschalError } from '../../../protocol/errors.ts'
import type { Check } from '../visit.ts'

export const fresh: Check = (visit, parts) => {
  if (!parts.policy.fresh(visit.wants?.account)) throw new SeneschalError('permission.stale')
}
