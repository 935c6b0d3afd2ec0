/** Privileges are raised to the class that the action, or administration, needs. */
import { SeneschalError } from '../../../protocol/errors.ts'
import { classOf, covers, elevationFor } from '../../../protocol/permissions.ts'
import { ADMIN } from '../../context.ts'
import type { Check } from '../visit.ts'

export const elevated: Check = (visit, parts) => {
  const needed =
    visit.kind === ADMIN ? 'write' : visit.wants === undefined ? 'own' : classOf(visit.wants.action)
  if (covers(visit.viewer?.elevation?.class, needed)) return
  const until = visit.session?.elevatedUntil
  const hasEnded = visit.viewer?.elevation === null && until != null && until <= parts.now()
  throw new SeneschalError(
    hasEnded ? 'elevation.ended' : 'elevation.required',
    `Raise to ${elevationFor(needed) ?? 'write'}.`,
  )
}
