/**
 * Tokens for scripts: read-only, scoped, with an end. What one may be for, how one is asked for, and what is told of
 * it afterwards. The secret itself is shown once and never again.
 */
import { z } from 'zod/mini'
import { accountName, personName, workflowName } from './ids.ts'

/**
 * What a token may be for. `wall` is the view of the whole site as it changes, and nothing else; each of the others
 * takes `view` too.
 */
export const tokenReads = ['wall', 'view', 'logs', 'source', 'search'] as const
export type TokenRead = (typeof tokenReads)[number]

/** More fit no assertion beside somebody's groups. */
const mostTargets = 20
const reads = z.readonly(
  z.array(z.enum(tokenReads)).check(
    z.minLength(1),
    z.maxLength(tokenReads.length),
    z.refine((list) => new Set(list).size === list.length && (!list.includes('wall') || list.length === 1), {
      error: () => 'each once, and wall alone',
    }),
  ),
)
export const tokenTarget = z.readonly(
  z.strictObject({ account: accountName, workflow: z.optional(workflowName) }),
)

/** What a token reads, and of which accounts and workflows; `null`: of all that its person may view. */
export const tokenScope = z.readonly(
  z.strictObject({
    reads,
    on: z.nullable(z.readonly(z.array(tokenTarget).check(z.minLength(1), z.maxLength(mostTargets)))),
  }),
)
export type TokenScope = z.infer<typeof tokenScope>

/** A scope as far as it is about one account: what an assertion for that account's server says. */
export const assertionScope = z.readonly(
  z.strictObject({ reads, workflows: z.nullable(z.readonly(z.array(workflowName))) }),
)
export type AssertionScope = z.infer<typeof assertionScope>

/** Of a scope what is about one account; with no workflow of it, an empty list: nothing may be read there. */
export const scopeWithin = (scope: TokenScope, account: string): AssertionScope => {
  const about = scope.on?.filter((target) => target.account === account)
  const workflows =
    about === undefined || about.some(({ workflow }) => workflow === undefined)
      ? null
      : about.flatMap(({ workflow }) => (workflow === undefined ? [] : [workflow]))
  return { reads: scope.reads, workflows }
}

/** The reverse, at the server of that account. */
export const scopeOf = ({ reads, workflows }: AssertionScope, account: string): TokenScope => ({
  reads,
  on: workflows === null ? null : workflows.map((workflow) => ({ account, workflow })),
})

/** `POST /api/tokens` takes this; answered 201 with `tokenMade`. */
export const tokenCreate = z.strictObject({
  /** What it is for, for people who look at the list. */
  name: z.string().check(z.regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,64}$/u)),
  scope: tokenScope,
  /** How long it is good for, ms; the site has a default and a maximum. */
  lasts: z.optional(z.number().check(z.int(), z.gte(60_000))),
  /** Addresses or CIDR ranges from which alone it may be used. */
  addresses: z.optional(
    z
      .readonly(z.array(z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()])))
      .check(z.minLength(1), z.maxLength(20)),
  ),
})
export type TokenCreate = z.infer<typeof tokenCreate>

export const tokenStates = ['good', 'asleep', 'expired', 'revoked'] as const

/** One token as its person, or an administrator, sees it. */
export const tokenRow = z.strictObject({
  /** Public name; stands in records as `token:ID`. */
  token: z.string(),
  name: z.string(),
  person: personName,
  scope: tokenScope,
  addresses: z.nullable(z.readonly(z.array(z.string()))),
  /** `asleep`: the person has to sign in again, since the provider's word about their groups is too old. */
  state: z.enum(tokenStates),
  createdAt: z.number(),
  expiresAt: z.number(),
  usedAt: z.nullable(z.number()),
  usedFrom: z.nullable(z.string()),
  revokedBy: z.nullable(personName),
})
export type TokenRow = z.infer<typeof tokenRow>
export const tokensBody = z.strictObject({
  tokens: z.readonly(z.array(tokenRow)),
  /** How long one is good for unless said, and at most, ms. */
  lasts: z.strictObject({ default: z.number(), most: z.number() }),
})
export const tokenMade = z.strictObject({ row: tokenRow, token: z.string() })

/** What every token looks like: a prefix, 260 random bits, and a checksum by which a scanner knows a real one. */
export const tokenPattern = /^sen_[0-9a-hjkmnp-tv-z]{59}$/

/** How sessions are called that are not somebody at a browser: the name stands in grants and records, signed. */
const tokenPrefix = 'token:'
const breakGlassPrefix = 'break-glass:'
export const tokenSession = (token: string): string => `${tokenPrefix}${token}`
export const breakGlassSession = (id: string): string => `${breakGlassPrefix}${id}`
export const isBreakGlass = (session: string | null | undefined): boolean =>
  session?.startsWith(breakGlassPrefix) === true

/** What a record says of how somebody was there; undefined for somebody who signed in. */
export const wayOf = (session: string | null | undefined): string | undefined => {
  if (isBreakGlass(session)) return '(break-glass)'
  return session?.startsWith(tokenPrefix) === true ? '(by token)' : undefined
}
