/** The actions to offer: read from the registry, never listed a second time. */

import type { Level } from '../../protocol/actions/define.ts'
import { type ActionName, actionNames, actionOf } from '../../protocol/actions/registry.ts'
import type { Allowed } from '../../protocol/api.ts'
import { covers, type ElevationClass, elevationFor } from '../../protocol/permissions.ts'

export type Offer = {
  readonly name: ActionName
  readonly label: string
  readonly destructive: boolean
  /** The class to raise to first; undefined where privileges suffice. */
  readonly raise: ElevationClass | undefined
}

/** What may never be done is not offered; what needs raised privileges says which. */
export const offers = (level: Level, allowed: Allowed, held: ElevationClass | undefined): readonly Offer[] =>
  actionNames.flatMap((name) => {
    const action = actionOf(name)
    if (action.apart || !action.on.includes(level) || allowed[action.name] !== true) return []
    const raise = covers(held, action.class) ? undefined : elevationFor(action.class)
    return [{ name, label: action.label, destructive: action.destructive, raise }]
  })
