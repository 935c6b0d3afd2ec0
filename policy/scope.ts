/** The token of a script reads, and only what it was made for; its person's own rights are asked besides. */
import { classOf } from '../protocol/permissions.ts'
import type { Question } from './types.ts'

export const withinScope = ({ who, action, account, workflow }: Question): boolean => {
  if (who.kind !== 'person' || who.scope === undefined) return true
  const { reads, on } = who.scope
  if (classOf(action) !== 'read') return false
  // Whatever it is for, that takes seeing it.
  if (action !== 'view' && !reads.some((read) => read === action)) return false
  return (
    on === null ||
    on.some(
      (target) =>
        target.account === account && (target.workflow === undefined || target.workflow === workflow),
    )
  )
}
