/** Claims of the two tokens that the hub signs. Their `typ` differ and neither passes for the other. */
import { z } from 'zod/mini'
import { personName, requestId } from './ids.ts'
import { elevationClass } from './permissions.ts'
import { ask } from './requests.ts'
import { assertionScope } from './script-tokens.ts'

export const assertionType = 'seneschal-assertion+jwt'
export const grantType = 'seneschal-grant+jwt'

/** A grant is signed for this long, ms; compared with the file's ctime, so a stopped daemon loses nothing. */
export const grantLifetime = 60_000
export const assertionLifetime = 60_000
/** How often the hub sends a fresh assertion down an open socket, ms. */
export const assertionRefresh = 45_000

/** Groups in one token, bytes of their JSON. Whoever signs more than this leaves nothing out: it refuses. */
export const groupsMaxBytes = 12 * 1024
/** The longest assertion, characters: with so many groups, and room for everything else. UI servers take as much. */
export const assertionMaxLength = 20 * 1024

const seconds = z.number().check(z.int())
export const groups = z.readonly(z.array(z.string().check(z.regex(/^(?:unix|ldap|oidc)\/.{1,128}$/))))

export const elevation = z.readonly(
  z.strictObject({ class: elevationClass, /** epoch ms */ until: z.number() }),
)
export type Elevation = z.infer<typeof elevation>

/** Of both tokens. */
const claims = {
  iss: z.string(),
  aud: z.string(),
  sub: personName,
  groups,
  /** Public name of the session, not its secret. */
  session: z.string(),
  elevation: z.nullable(elevation),
  iat: seconds,
  exp: seconds,
} as const

/** Hub → UI server: who is looking. `aud` = `account/instance`. */
export const assertionClaims = z.readonly(
  z.strictObject({
    ...claims,
    /** For the token of a script: what of the person's rights it has. A server that does not know it refuses. */
    scope: z.optional(assertionScope),
  }),
)
export type Assertion = z.infer<typeof assertionClaims>

/** Hub → UI server → daemon: one request of one person, whole. `aud` = the site, `jti` = the request id. */
export const grantClaims = z.readonly(
  z.strictObject({
    ...claims,
    reason: z.optional(z.string().check(z.maxLength(1000))),
    /** Version of the permission snapshot by which the hub decided. */
    policy: z.number(),
    /** `WRITER=SEQ:HASH`: head of the hub's audit chain after the intent was recorded. */
    audit: z.string(),
    request: ask,
    jti: requestId,
  }),
)
export type Grant = z.infer<typeof grantClaims>
