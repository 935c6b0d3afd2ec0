/** The permission snapshots of all daemons as one view: which one decides, and whether it is fresh. */
import { decide } from '../policy/decide.ts'
import { isFresh } from '../policy/fresh.ts'
import type { Decision, Question } from '../policy/types.ts'
import { closeUnknown, unknownDenied } from '../policy/unknown-sources.ts'
import { classOf, elevationFor, type PermissionSnapshot } from '../protocol/permissions.ts'
import type { Clock, Log, PolicyView } from './context.ts'
import type { Locks } from './locks/keeper.ts'

export type PolicySource = { readonly name: string; readonly accounts?: readonly string[] | undefined }

export type PolicyKeeper = PolicyView & {
  /** A daemon published this one. A lower version than before is an old one put back: it is not taken. */
  readonly take: (daemon: string, snapshot: PermissionSnapshot) => void
  /** How far a daemon took up an issuer's orders; undefined while it has said nothing at all. */
  readonly ordersTaken: (daemon: string, issuer: string) => number | undefined
}

const nothingKnown = (question: Question): Decision => ({
  allowed: false,
  class: classOf(question.action),
  elevation: elevationFor(classOf(question.action)),
  layer: undefined,
  file: undefined,
  line: undefined,
  rule: undefined,
  principal: undefined,
  reason: 'The daemon has not said yet who may do what.',
})

type Held = {
  readonly snapshot: PermissionSnapshot
  /** The same with the hub's own locks. */
  locked: PermissionSnapshot
  readonly text: string
  at: number
}

export const createPolicyKeeper = (parts: {
  readonly sources: readonly PolicySource[]
  /** Those that were set at this hub, and how to be told of others. */
  readonly locks?: Pick<Locks, 'names' | 'onChange'> | undefined
  /** Sources of groups that this hub asks; all of them without it. */
  readonly groupSources?: readonly string[]
  readonly now: Clock
  readonly log: Log
}): PolicyKeeper => {
  const { sources, locks, now, log } = parts
  const held = new Map<string, Held>()
  const refused = new Set<string>()
  const groupSources = new Set<string>(parts.groupSources ?? ['oidc', 'unix', 'ldap'])
  /** Which sources were complained of, by daemon. */
  const told = new Map<string, string>()
  const listeners = new Set<() => void>()

  const serves = (source: PolicySource, account: string): boolean => {
    if (source.accounts !== undefined) return source.accounts.includes(account)
    const snapshot = held.get(source.name)?.snapshot
    return snapshot !== undefined && Object.hasOwn(snapshot.accounts, account)
  }
  const find = (account: string | undefined): Held | undefined => {
    const source = account === undefined ? undefined : sources.find((candidate) => serves(candidate, account))
    const name = (source ?? sources[0])?.name
    return name === undefined ? undefined : held.get(name)
  }
  /** With this hub's own locks, which count here before the daemon knows of them. */
  const locked = (told: PermissionSnapshot): PermissionSnapshot => {
    const own = closeUnknown(told, groupSources)
    const { persons, accounts, hosts } = locks?.names() ?? own.locks
    const both = (one: readonly string[], other: readonly string[]) => [...new Set([...one, ...other])]
    return {
      ...own,
      locks: {
        persons: both(own.locks.persons, persons),
        accounts: both(own.locks.accounts, accounts),
        hosts: both(own.locks.hosts, hosts),
      },
    }
  }
  const tell = (): void => {
    for (const listener of listeners) listener()
  }
  locks?.onChange(() => {
    for (const one of held.values()) one.locked = locked(one.snapshot)
    tell()
  })
  const snapshot = (account?: string) => find(account)?.locked

  return {
    snapshot,
    known: () => held.size > 0,
    fresh: (account) => {
      const found = find(account)
      return found !== undefined && isFresh(found.at, now())
    },
    decide: (question) => {
      const found = snapshot(question.account)
      return found === undefined ? nothingKnown(question) : decide(found, question)
    },
    ordersTaken: (daemon, issuer) => {
      const orders = held.get(daemon)?.snapshot.lockOrders
      return orders !== undefined && Object.hasOwn(orders, issuer) ? orders[issuer] : undefined
    },
    longestElevation: (of) => {
      const said = [...held.values()].flatMap((one) => one.snapshot.elevation?.[of] ?? [])
      return said.length === 0 ? undefined : Math.min(...said)
    },
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    take: (daemon, next) => {
      const before = held.get(daemon)
      if (before !== undefined && next.version < before.snapshot.version) {
        if (!refused.has(daemon))
          log.error(
            { daemon, version: next.version, inForce: before.snapshot.version },
            'an older permission snapshot was put back; it is not taken',
          )
        refused.add(daemon)
        return
      }
      refused.delete(daemon)
      const unknown = unknownDenied(next, groupSources).join(', ')
      if (unknown !== '' && unknown !== told.get(daemon))
        log.error(
          { daemon, sources: unknown },
          'rules deny groups of sources that this hub does not ask: they deny everybody until it does',
        )
      told.set(daemon, unknown)
      const text = JSON.stringify({ ...next, at: 0 })
      if (before !== undefined && before.text === text) {
        before.at = Math.max(before.at, next.at)
        return
      }
      held.set(daemon, { snapshot: next, locked: locked(next), text, at: next.at })
      tell()
    },
  }
}
