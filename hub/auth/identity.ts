/** From the tokens that the identity provider gave to who it vouches for. */
import { compactVerify, type JWTVerifyGetKey } from 'jose'
import * as client from 'openid-client'
import { SeneschalError } from '../../protocol/errors.ts'
import type { HubConfig } from '../config.ts'
import { signatureAlgorithms } from './provider-keys.ts'

type Claims = Readonly<Record<string, unknown>>
type Granted = client.TokenEndpointResponse & client.TokenEndpointResponseHelpers

/** What the provider vouches for. */
export type Identity = {
  readonly issuer: string
  readonly subject: string
  /** Of the ID token and, where that lacks what is needed, of userinfo. */
  readonly claims: Claims
  readonly sid: string | null
  readonly idToken: string
  readonly tokens: ProviderTokens
}

/** What the provider can be asked with again; empty where it gave nothing for that. */
export type ProviderTokens = {
  readonly refresh?: string | undefined
  readonly access?: string | undefined
}

/** One provider as it is known now. */
export type Provider = {
  readonly config: client.Configuration
  readonly keys: JWTVerifyGetKey
  readonly settings: Pick<HubConfig['provider'], 'personClaim' | 'nameClaim' | 'groupsClaim'>
  /** How far its clock may be off, s. */
  readonly tolerance: number
  /** Epoch ms. */
  readonly wall: () => number
}

/** Whether the provider made sure that the claim `email` is its bearer's (OpenID Connect Core, section 5.1). */
export const verifiedClaim = 'email_verified'

/** Tokens of a grant; a provider that rotates nothing leaves the former one in force. */
export const tokensOf = (
  granted: { readonly refresh_token?: string; readonly access_token?: string },
  before?: ProviderTokens,
): ProviderTokens => ({
  refresh: granted.refresh_token ?? before?.refresh,
  access: granted.access_token,
})

/** `claims`, with what they lack out of userinfo. */
export const complete = async (
  provider: Provider,
  claims: Claims,
  access: string,
  subject: string,
  wanted: readonly string[],
): Promise<Claims> => {
  const { config, settings } = provider
  const lacking = wanted.filter((name) => !(name in claims))
  const hasMore = config.serverMetadata().userinfo_endpoint !== undefined
  const needsMore = lacking.some((name) => name !== settings.nameClaim)
  const more: Claims = needsMore && hasMore ? await client.fetchUserInfo(config, access, subject) : {}
  // Who it is may be asked for; when and how they authenticated only the ID token vouches for.
  return { ...Object.fromEntries(lacking.map((name) => [name, more[name]])), ...claims }
}

/** What providers write into an ID token's header (RFC 7519, section 5.1), if anything. */
const idTokenType = /^(?:application\/)?jwt$/i

/**
 * The claims of an ID token; undefined where none was given. Its signature is checked although it came straight from
 * the provider. A time long before ours is let pass: some providers write theirs minutes back, and `exp` and nonce say
 * what is over.
 */
export const claimsOf = async (
  { config, keys, tolerance, wall }: Pick<Provider, 'config' | 'keys' | 'tolerance' | 'wall'>,
  granted: Granted,
): Promise<client.IDToken | undefined> => {
  const claims = granted.claims()
  if (claims === undefined || granted.id_token === undefined) return undefined
  const { protectedHeader } = await compactVerify(granted.id_token, keys, {
    algorithms: [...signatureAlgorithms],
  })
  if (!idTokenType.test(protectedHeader.typ ?? 'JWT'))
    throw new Error(`a token of type ${protectedHeader.typ} is no ID token`)
  if (claims.azp !== undefined && claims.azp !== config.clientMetadata().client_id)
    throw new Error('the ID token was made for another client')
  if (claims.iat > wall() / 1000 + tolerance) throw new SeneschalError('auth.clocks-apart')
  return claims
}

export const identityFrom = async (provider: Provider, granted: Granted): Promise<Identity> => {
  const claims = await claimsOf(provider, granted)
  if (claims === undefined || granted.id_token === undefined) throw new Error('no ID token')
  const { personClaim, nameClaim, groupsClaim } = provider.settings
  const wanted = [personClaim, nameClaim, groupsClaim, ...(personClaim === 'email' ? [verifiedClaim] : [])]
  return {
    issuer: claims.iss,
    subject: claims.sub,
    claims: await complete(provider, claims, granted.access_token, claims.sub, wanted),
    sid: typeof claims.sid === 'string' ? claims.sid : null,
    idToken: granted.id_token,
    tokens: tokensOf(granted),
  }
}
