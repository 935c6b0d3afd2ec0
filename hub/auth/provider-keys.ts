/**
 * The keys by which the identity provider signs. A key id that is not among them may be a new one: then they are
 * fetched again, but whoever makes ids up causes no more than one fetch a minute.
 */
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'

/** Asymmetric signatures only: the client secret signs nothing here. */
export const signatureAlgorithms: readonly string[] = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]

type Keys = { readonly find: JWTVerifyGetKey; readonly at: number }

/** Keys that the provider withdrew count no longer than this, ms. */
const maxAge = 10 * 60_000
/** For ids that nobody knows, ms. */
const lookAgainEvery = 60_000

/** `load` rejects where the provider cannot be asked; `now` in ms. */
export const createProviderKeys = (parts: {
  readonly load: () => Promise<JSONWebKeySet>
  readonly now: () => number
}): JWTVerifyGetKey => {
  const { now } = parts
  let held: Keys | undefined
  let lookedAgainAt: number | undefined
  // A clock that is set back is no reason to wait, nor to believe for longer.
  const isOver = (since: number, span: number) => Math.abs(now() - since) >= span

  const load = async (): Promise<Keys> => {
    const found: Keys = { find: createLocalJWKSet(await parts.load()), at: now() }
    held = found
    return found
  }

  return async (header, token) => {
    const keys = held === undefined || isOver(held.at, maxAge) ? await load() : held
    try {
      return await keys.find(header, token)
    } catch (thrown) {
      if (!(thrown instanceof errors.JWKSNoMatchingKey)) throw thrown
      if (lookedAgainAt !== undefined && !isOver(lookedAgainAt, lookAgainEvery)) throw thrown
      lookedAgainAt = now()
      return (await load()).find(header, token)
    }
  }
}
