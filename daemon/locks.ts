/** Locks as the daemon knows them: those of its hubs, by signed orders, and those of whoever runs it. */
import { SeneschalError } from '../protocol/errors.ts'
import { type Lock, type LockOrder, locksAt, nameOfLock } from '../protocol/locks.ts'
import type { DaemonEvent } from './events.ts'

/** Of one origin. */
export type LocksOf = { readonly version: number; readonly locks: readonly Lock[] }
/** By origin: the issuer of a hub, or null for whoever runs the daemon. */
export type KnownLocks = ReadonlyMap<string | null, LocksOf>

/** Those of all origins that are not over. */
export const locksInForce = (known: KnownLocks, now: number) =>
  locksAt(
    [...known.values()].flatMap(({ locks }) => locks),
    now,
  )

/** How far each hub's orders were taken up, by issuer. */
export const versionsOf = (known: KnownLocks): Readonly<Record<string, number>> =>
  Object.fromEntries(
    [...known].flatMap(([origin, { version }]) => (origin === null ? [] : [[origin, version]])),
  )

/** What a person is told of a change; names only. */
export const tellChange = (before: readonly Lock[], after: readonly Lock[]): string => {
  const ids = (locks: readonly Lock[]) => new Set(locks.map(({ id }) => id))
  const [had, has] = [ids(before), ids(after)]
  const said = [
    ...after.filter(({ id }) => !had.has(id)).map((lock) => `${nameOfLock(lock)} locked`),
    ...before.filter(({ id }) => !has.has(id)).map((lock) => `${nameOfLock(lock)} unlocked`),
  ]
  const shown = said.slice(0, 10)
  return said.length > shown.length
    ? `${shown.join(', ')} and ${said.length - shown.length} more`
    : shown.join(', ')
}

const same = (one: readonly Lock[], other: readonly Lock[]): boolean =>
  JSON.stringify(one) === JSON.stringify(other)

/** The event that an order leads to; undefined where it says what is known. Throws `lock.order-old`. */
export const eventOfOrder = (known: KnownLocks, order: LockOrder, at: number): DaemonEvent | undefined => {
  const { iss, version, locks, jti } = order
  const before = known.get(iss)
  if (before !== undefined && version < before.version)
    throw new SeneschalError('lock.order-old', `Version ${version}, and ${before.version} is in force.`)
  if (before?.version === version) return undefined
  const told = tellChange(before?.locks ?? [], locks)
  return { kind: 'locks', at, origin: iss, version, locks, told, request: jti }
}

/** The same of what whoever runs the daemon asks for. */
export const eventOfOwn = (
  known: KnownLocks,
  locks: readonly Lock[],
  at: number,
): DaemonEvent | undefined => {
  const before = known.get(null)
  if (same(before?.locks ?? [], locks)) return undefined
  const told = tellChange(before?.locks ?? [], locks)
  return { kind: 'locks', at, origin: null, version: (before?.version ?? 0) + 1, locks, told }
}
