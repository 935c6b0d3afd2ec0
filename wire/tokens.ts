/** Signing and verifying of the hub's two tokens: Ed25519 JWTs (RFC 8037) whose `typ` keeps them apart. */
import {
  createLocalJWKSet,
  errors,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  jwtVerify,
  SignJWT,
} from 'jose'
import type { z } from 'zod/mini'
import { SeneschalError } from '../protocol/errors.ts'
import { type LockOrder, lockOrderClaims, lockOrderType } from '../protocol/locks.ts'
import {
  type Assertion,
  assertionClaims,
  assertionType,
  type Grant,
  grantClaims,
  grantType,
} from '../protocol/tokens.ts'

const algorithm = 'EdDSA'

export type TokenType = typeof assertionType | typeof grantType | typeof lockOrderType

export type Signer = {
  /** Signs claims as they are; `iss` is the caller's to set, so that nothing is added behind its back. */
  readonly sign: (type: TokenType, claims: Assertion | Grant | LockOrder) => Promise<string>
  /** The public half, as a JWK set. */
  readonly jwks: () => JSONWebKeySet
}

/** A fresh private key as a JWK with a random `kid`; keep it in a 0600 file. */
export const generateKey = async (): Promise<JWK> => {
  const { privateKey } = await generateKeyPair(algorithm, { crv: 'Ed25519', extractable: true })
  return { ...(await exportJWK(privateKey)), alg: algorithm, use: 'sig', kid: crypto.randomUUID() }
}

/** Of a JWK, private or not, only the members that are public, by name. */
export const publicHalf = ({ kty, crv, x, alg, use, kid }: JWK): JWK => {
  if (kty !== 'OKP' || crv !== 'Ed25519' || x === undefined || kid === undefined)
    throw new SeneschalError('config.invalid', 'A key is not an Ed25519 JWK with a kid.')
  return { kty, crv, x, alg: alg ?? algorithm, use: use ?? 'sig', kid }
}

/** Signs with one key; `retired` ones stay in the set as long as something signed by them may be queued. */
export const createSigner = async (key: JWK, retired: readonly JWK[] = []): Promise<Signer> => {
  if (key.d === undefined) throw new SeneschalError('config.invalid', 'The signing key is not a private one.')
  const published = publicHalf(key)
  const secret = await importJWK(key, algorithm)
  const header = { alg: algorithm, kid: published.kid ?? '' }
  return {
    sign: (type, claims) => new SignJWT(claims).setProtectedHeader({ ...header, typ: type }).sign(secret),
    jwks: () => ({ keys: [published, ...retired.map(publicHalf)] }),
  }
}

export type Verifier = {
  /** `audience` = `account/instance` of this very server. Throws `token.invalid`. */
  readonly verifyAssertion: (token: string, audience: string) => Promise<Assertion>
  /**
   * `at` is the time, epoch ms, against which the lifetime is judged: the ctime of the request file.
   * Throws `grant.invalid`, `grant.expired`, `grant.wrong-site`.
   */
  readonly verifyGrant: (token: string, site: string, at: number) => Promise<Grant>
  /** The same of a hub's order. */
  readonly verifyLockOrder: (token: string, site: string, at: number) => Promise<LockOrder>
}

/** How far the clocks of hub and far side may differ, seconds. */
const clockTolerance = 5

const failure = (type: TokenType, cause: unknown): SeneschalError => {
  if (type === assertionType) return new SeneschalError('token.invalid', undefined, { cause })
  if (cause instanceof errors.JWTExpired) return new SeneschalError('grant.expired', undefined, { cause })
  if (cause instanceof errors.JWTClaimValidationFailed && cause.claim === 'aud')
    return new SeneschalError('grant.wrong-site', undefined, { cause })
  return new SeneschalError('grant.invalid', undefined, { cause })
}

export const createVerifier = (settings: {
  readonly jwks: JSONWebKeySet
  readonly issuer: string
  /** Epoch ms. */
  readonly now: () => number
}): Verifier => {
  const keys = createLocalJWKSet(settings.jwks)
  const verify = async <Claims>(
    type: TokenType,
    schema: z.ZodMiniType<Claims>,
    token: string,
    audience: string,
    at: number,
  ): Promise<Claims> => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        typ: type,
        algorithms: [algorithm],
        issuer: settings.issuer,
        audience,
        currentDate: new Date(at),
        clockTolerance,
        requiredClaims: ['iat', 'exp', 'sub'],
      })
      const parsed = schema.safeParse(payload)
      if (!parsed.success) throw parsed.error
      // A token from the future would outlive its lifetime; jose checks `iat` only with `maxTokenAge`.
      if ((payload.iat ?? 0) * 1000 > at + clockTolerance * 1000) throw new Error('issued in the future')
      return parsed.data
    } catch (thrown) {
      throw failure(type, thrown)
    }
  }
  return {
    verifyAssertion: (token, audience) =>
      verify(assertionType, assertionClaims, token, audience, settings.now()),
    verifyLockOrder: (token, site, at) => verify(lockOrderType, lockOrderClaims, token, site, at),
    verifyGrant: (token, site, at) => verify(grantType, grantClaims, token, site, at),
  }
}
