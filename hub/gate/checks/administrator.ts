/** Administration needs the role of an administrator. */
import { rolesOf } from '../../../policy/roles.ts'
import { SeneschalError } from '../../../protocol/errors.ts'
import { whoIs } from '../../visible.ts'
import type { Check } from '../visit.ts'

export const administrator: Check = (visit, parts) => {
  const snapshot = parts.policy.snapshot()
  if (visit.viewer === undefined || snapshot === undefined) throw new SeneschalError('permission.stale')
  if (!rolesOf(snapshot, whoIs(visit.viewer)).includes('admin'))
    throw new SeneschalError('permission.denied', 'Only administrators of the site may do this.')
}
