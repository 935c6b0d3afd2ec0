/** What another layer would change: who would gain and lose what. Decides nothing by itself; it asks `decide` twice. */
import {
  type Layer,
  type PermissionAction,
  type PermissionSnapshot,
  permissionActions,
} from '../protocol/permissions.ts'
import { decide } from './decide.ts'
import type { Who } from './types.ts'

export type Place = { readonly account: string; readonly workflow: string | null }

/** Somebody to ask about, by the name that a rule has for them. */
export type Probe = { readonly who: string; readonly as: Who }

export type RightsChange = {
  /** `everyone`, `user:NAME`, `group:SOURCE/NAME` or `account:NAME`. */
  readonly who: string
  /** null: the account, and its workflows as far as they have no rules of their own. */
  readonly workflow: string | null
  readonly gains: readonly PermissionAction[]
  readonly loses: readonly PermissionAction[]
}

/** The same snapshot with another layer at that place; undefined: none. Null where there is no such account. */
export const withLayer = (
  snapshot: PermissionSnapshot,
  { account, workflow }: Place,
  layer: Layer | undefined,
): PermissionSnapshot | null => {
  const entry = Object.hasOwn(snapshot.accounts, account) ? snapshot.accounts[account] : undefined
  if (entry === undefined) return null
  const { layer: _layer, ...rest } = entry
  const own = entry.layer === undefined ? {} : { layer: entry.layer }
  const { [workflow ?? '']: _workflow, ...others } = entry.workflows
  const changed =
    workflow === null
      ? { ...rest, ...(layer === undefined ? {} : { layer }) }
      : { ...rest, ...own, workflows: layer === undefined ? others : { ...others, [workflow]: layer } }
  return { ...snapshot, accounts: { ...snapshot.accounts, [account]: changed } }
}

/** A person of whom nothing is known: no name that a rule could have, and no group. */
const nobody: Who = { kind: 'person', name: '', groups: [] }

const probeOf = (principal: string, groupsOf: (person: string) => readonly string[]): Probe | undefined => {
  const who = principal.startsWith('!') ? principal.slice(1) : principal
  const colon = who.indexOf(':')
  const name = who.slice(colon + 1)
  if (who.startsWith('user:')) return { who, as: { kind: 'person', name, groups: groupsOf(name) } }
  if (who.startsWith('group:')) return { who, as: { ...nobody, groups: [name] } }
  if (who.startsWith('account:')) return { who, as: { kind: 'account', account: name } }
  // Owners pass the layers, so no layer changes what they may do.
  return undefined
}

const principalsIn = (layer: Layer | undefined): readonly string[] =>
  layer === undefined ? [] : Object.values(layer.rules).flatMap((list) => list ?? [])

/** Everybody whom a rule names that has a say there, before or after: each once, `everyone` first, then by name. */
export const probesOf = (
  snapshots: readonly PermissionSnapshot[],
  { account, workflow }: Place,
  groupsOf: (person: string) => readonly string[],
): readonly Probe[] => {
  const named = snapshots.flatMap((snapshot) => {
    const entry = snapshot.accounts[account]
    const flows = Object.entries(entry?.workflows ?? {})
    const near = workflow === null ? flows : flows.filter(([name]) => name === workflow)
    return [snapshot.site, snapshot.limits, entry?.layer, ...near.map(([, layer]) => layer)].flatMap(
      principalsIn,
    )
  })
  const probes = new Map<string, Probe>()
  for (const principal of named) {
    const probe = probeOf(principal, groupsOf)
    if (probe !== undefined) probes.set(probe.who, probe)
  }
  const byName = [...probes.values()].sort((one, other) => (one.who < other.who ? -1 : 1))
  return [{ who: 'everyone', as: nobody }, ...byName]
}

/** Where a change at that place can be felt: a workflow's own rules may say otherwise than its account's. */
export const placesOf = (
  before: PermissionSnapshot,
  { account, workflow }: Place,
): readonly (string | null)[] =>
  workflow === null ? [null, ...Object.keys(before.accounts[account]?.workflows ?? {}).sort()] : [workflow]

/** What one of them gains and loses at one place; undefined: nothing. */
export const compareFor = (
  [before, after]: readonly [PermissionSnapshot, PermissionSnapshot],
  { account, workflow }: Place,
  { who, as }: Probe,
): RightsChange | undefined => {
  const gains: PermissionAction[] = []
  const loses: PermissionAction[] = []
  for (const action of permissionActions) {
    const question = { who: as, action, account, workflow: workflow ?? undefined }
    const [was, is] = [decide(before, question).allowed, decide(after, question).allowed]
    if (!was && is) gains.push(action)
    if (was && !is) loses.push(action)
  }
  return gains.length + loses.length === 0 ? undefined : { who, workflow, gains, loses }
}

/**
 * All of it, one probe at one place after the other, so that whoever asks can pause: `undefined` where nothing changes.
 * Somebody to whom just the same happens as to everybody is not told of again; who keeps what everybody gains or loses,
 * with nothing gained and nothing lost.
 */
export function* compareLayers(
  snapshots: readonly [PermissionSnapshot, PermissionSnapshot],
  place: Place,
  probes: readonly Probe[],
): Generator<RightsChange | undefined> {
  for (const workflow of placesOf(snapshots[0], place)) {
    let common: RightsChange | undefined
    for (const probe of probes) {
      const change = compareFor(snapshots, { account: place.account, workflow }, probe)
      if (probe.who === 'everyone') {
        common = change
        yield change
      } else if (isSame(change, common)) yield undefined
      else yield change ?? { who: probe.who, workflow, gains: [], loses: [] }
    }
  }
}

const isSame = (one: RightsChange | undefined, other: RightsChange | undefined): boolean =>
  one?.gains.join() === other?.gains.join() && one?.loses.join() === other?.loses.join()
