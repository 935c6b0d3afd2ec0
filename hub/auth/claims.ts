/** What is read out of the provider's claims, and how fresh a re-authentication is. */
import { visible } from '../../protocol/audit.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { personName } from '../../protocol/ids.ts'
import { isGroupName } from '../../protocol/permissions.ts'
import { groups } from '../../protocol/tokens.ts'
import { type Identity, verifiedClaim } from './identity.ts'

/** Kept with each session, bytes of their JSON: more than any directory says. Leaving some out could let somebody in. */
const maxBytes = 128 * 1024

/**
 * `oidc/NAME` for each group of the claim that a rule can name: a name of one source never passes for one of another.
 * Throws `groups.too-many`.
 */
export const groupsFrom = (claim: unknown): readonly string[] => {
  const names = Array.isArray(claim) ? claim : typeof claim === 'string' ? [claim] : []
  const usable = names.filter((name): name is string => typeof name === 'string' && isGroupName(name))
  const found = groups.parse([...new Set(usable)].map((name) => `oidc/${name}`))
  if (Buffer.byteLength(JSON.stringify(found)) > maxBytes) throw new SeneschalError('groups.too-many')
  return found
}

/**
 * The claim that names a person. An address that nobody verified is one that its bearer typed in: it names nobody.
 * Throws `auth.not-mapped`.
 */
export const nameFrom = (claims: Identity['claims'], personClaim: string): unknown => {
  if (personClaim === 'email' && claims[verifiedClaim] !== true)
    throw new SeneschalError('auth.not-mapped', 'The provider has not verified the address.')
  return claims[personClaim]
}

/** Display name: the claim, or else the person's name. People may fill it in themselves, so it is made one line. */
export const displayNameFrom = (claim: unknown, person: string): string =>
  typeof claim === 'string' && claim.trim() !== ''
    ? visible(claim.trim().slice(0, 128)).slice(0, 128)
    : person

/** For the record of a refusal: the name that was claimed, where it could be one. */
export const claimedName = (claim: unknown): string | null => {
  const name = personName.safeParse(claim)
  return name.success ? name.data : null
}

/**
 * Whether the credentials were really asked for: the provider's own two times, so that no clocks of two hosts are
 * compared. `elapsed`: ms from the redirect to the answer, as the hub measured it. One second for rounding.
 */
export const mustBeFresh = (identity: Identity, elapsed: number, acrValues: string | undefined): void => {
  const { iat, auth_time: authTime, acr } = identity.claims
  if (typeof iat !== 'number' || typeof authTime !== 'number')
    throw new SeneschalError('auth.reauthentication-stale', 'It did not say when it last did.')
  const age = iat - authTime
  if (!(age <= elapsed / 1000 + 1 && age >= -1)) throw new SeneschalError('auth.reauthentication-stale')
  if (acrValues !== undefined && !(typeof acr === 'string' && acrValues.split(' ').includes(acr)))
    throw new SeneschalError(
      'auth.reauthentication-stale',
      'It did not ask in the way that this site requires.',
    )
}
