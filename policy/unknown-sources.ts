/** Groups of sources that nobody asks: a denial of one would let everybody pass whom it means. */
import type { Layer, PermissionSnapshot, Principals } from '../protocol/permissions.ts'

const denial = /^!group:([a-z]+)\//

/** Sources that rules deny groups of, and that are not among those that are asked; in order, each once. */
export const unknownDenied = (
  snapshot: PermissionSnapshot,
  known: ReadonlySet<string>,
): readonly string[] => {
  const found = new Set<string>()
  closeUnknown(snapshot, known, (source) => found.add(source))
  return [...found].sort()
}

/**
 * The same snapshot, in which a denial of a group that nobody can tell is one of everybody: whoever may be in the group
 * is refused, and nobody is let in for want of a configuration.
 */
export const closeUnknown = (
  snapshot: PermissionSnapshot,
  known: ReadonlySet<string>,
  onFound: (source: string) => void = () => undefined,
): PermissionSnapshot => {
  const close = (list: Principals): Principals => {
    const unknown = list.flatMap((entry) => {
      const source = denial.exec(entry)?.[1]
      return source === undefined || known.has(source) ? [] : [source]
    })
    for (const source of unknown) onFound(source)
    return unknown.length === 0 ? list : [...list, '!everyone']
  }
  const closeLayer = (layer: Layer): Layer => ({
    ...layer,
    rules: Object.fromEntries(
      Object.entries(layer.rules).map(([key, list]) => [key, list === undefined ? list : close(list)]),
    ),
  })
  return {
    ...snapshot,
    site: closeLayer(snapshot.site),
    limits: closeLayer(snapshot.limits),
    roles: {
      admin: close(snapshot.roles.admin),
      auditor: close(snapshot.roles.auditor),
      developer: close(snapshot.roles.developer),
    },
    accounts: Object.fromEntries(
      Object.entries(snapshot.accounts).map(([account, { layer, ...entry }]) => [
        account,
        {
          ...entry,
          owners: close(entry.owners),
          ...(layer === undefined ? {} : { layer: closeLayer(layer) }),
          workflows: Object.fromEntries(
            Object.entries(entry.workflows).map(([workflow, own]) => [workflow, closeLayer(own)]),
          ),
        },
      ]),
    ),
  }
}
