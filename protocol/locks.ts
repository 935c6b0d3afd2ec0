/** Locks on a person, an account or a host: what they shut out at once, whatever permissions and grants say. */
import { z } from 'zod/mini'
import { accountName, personName, requestId } from './ids.ts'

export const lockKinds = ['person', 'account', 'host'] as const
export type LockKind = (typeof lockKinds)[number]

export const lockId = z.string().check(z.regex(/^[a-z0-9]{8,32}$/))
/** As the spawner's and the daemon's configurations name hosts. */
export const lockedHost = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9.:-]{0,254}$/))

const target = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('person'), name: personName }),
  z.strictObject({ kind: z.literal('account'), name: accountName }),
  z.strictObject({ kind: z.literal('host'), name: lockedHost }),
])
/** What is locked, checked by its kind. */
export const lockTarget = target
export type LockTarget = z.infer<typeof lockTarget>

const facts = {
  id: lockId,
  /** For whoever lifts it; shown to administrators. */
  reason: z.string().check(z.maxLength(500)),
  /** Who locked; null for whoever runs the daemon. */
  by: z.nullable(personName),
  /** Epoch, ms. */
  at: z.number(),
  /** Ends by itself then; null: when somebody lifts it. */
  until: z.nullable(z.number()),
} as const

export const lock = z.discriminatedUnion('kind', [
  z.strictObject({ ...target.def.options[0].shape, ...facts }),
  z.strictObject({ ...target.def.options[1].shape, ...facts }),
  z.strictObject({ ...target.def.options[2].shape, ...facts }),
])
export type Lock = z.infer<typeof lock>

export const mostLocks = 100

/** By kind, names without doubles, those that are over left out. */
export const locksAt = (
  locks: Iterable<Lock>,
  now: number,
): {
  readonly persons: readonly string[]
  readonly accounts: readonly string[]
  readonly hosts: readonly string[]
} => {
  const names = { person: new Set<string>(), account: new Set<string>(), host: new Set<string>() }
  for (const { kind, name, until } of locks) if (until === null || until > now) names[kind].add(name)
  return { persons: [...names.person], accounts: [...names.account], hosts: [...names.host] }
}

/** `account clouds`, as people say it. */
export const nameOfLock = ({ kind, name }: LockTarget): string => `${kind} ${name}`

/**
 * Hub → daemon: all locks that were set at this hub, whole; `version` goes up with each change, and an older one is
 * refused. Signed as grants are, under a `typ` of its own; `aud` = the daemon's site.
 */
export const lockOrderType = 'seneschal-locks+jwt'
export const lockOrderLifetime = 60_000
export const lockOrderClaims = z.readonly(
  z.strictObject({
    iss: z.string(),
    aud: z.string(),
    /** The hub's name, for the record. */
    sub: z.string(),
    version: z.number().check(z.int(), z.positive()),
    locks: z.readonly(z.array(lock).check(z.maxLength(mostLocks))),
    iat: z.number().check(z.int()),
    exp: z.number().check(z.int()),
    jti: requestId,
  }),
)
export type LockOrder = z.infer<typeof lockOrderClaims>
