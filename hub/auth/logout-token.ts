/** Logout tokens (OpenID Connect Back-Channel Logout 1.0, section 2.6). */
import { type JWTVerifyGetKey, jwtVerify } from 'jose'
import { z } from 'zod/mini'
import { SeneschalError } from '../../protocol/errors.ts'
import { signatureAlgorithms } from './provider-keys.ts'

export type LogoutToken = {
  readonly issuer: string
  readonly jti: string
  readonly sid: string | undefined
  readonly subject: string | undefined
  /** From when on a replay is refused for its age alone, epoch ms. */
  readonly expiresAt: number
}

const logoutEvent = 'http://schemas.openid.net/event/backchannel-logout'
const claims = z
  .object({
    iss: z.string(),
    jti: z.string().check(z.minLength(1), z.maxLength(256)),
    iat: z.number(),
    exp: z.optional(z.number()),
    sid: z.optional(z.string()),
    sub: z.optional(z.string()),
    events: z.object({ [logoutEvent]: z.looseObject({}) }),
    // Forbidden, so that an ID token can never pass for one.
    nonce: z.optional(z.never()),
  })
  .check(z.refine(({ sid, sub }) => sid !== undefined || sub !== undefined))

/** Older ones are refused, so that used ones need not be remembered for ever, seconds. */
const maxAge = 300

/** Throws `auth.logout-token-invalid`; a provider that cannot be asked for its keys is the caller's to tell apart. */
export const verifyLogoutToken = async (
  token: string,
  expected: {
    readonly keys: JWTVerifyGetKey
    readonly issuer: string
    readonly audience: string
    /** Epoch ms. */
    readonly now: number
    /** Seconds. */
    readonly tolerance: number
  },
): Promise<LogoutToken> => {
  let keysFailed: unknown
  const keys: JWTVerifyGetKey = async (header, jwt) => {
    try {
      return await expected.keys(header, jwt)
    } catch (thrown) {
      keysFailed = thrown
      throw thrown
    }
  }
  try {
    const { payload } = await jwtVerify(token, keys, {
      algorithms: [...signatureAlgorithms],
      typ: 'logout+jwt',
      issuer: expected.issuer,
      audience: expected.audience,
      currentDate: new Date(expected.now),
      clockTolerance: expected.tolerance,
      maxTokenAge: maxAge,
    })
    const said = claims.parse(payload)
    return {
      issuer: said.iss,
      jti: said.jti,
      sid: said.sid,
      subject: said.sub,
      expiresAt: (said.iat + maxAge + expected.tolerance + 1) * 1000,
    }
  } catch (cause) {
    const isAnswer =
      keysFailed === undefined || (keysFailed as { code?: unknown }).code === 'ERR_JWKS_NO_MATCHING_KEY'
    if (!isAnswer) throw keysFailed
    throw new SeneschalError('auth.logout-token-invalid', undefined, { cause })
  }
}
