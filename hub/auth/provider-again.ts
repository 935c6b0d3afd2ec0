/** What the identity provider says of somebody who signed in before, asked with what it gave at the sign-in. */
import * as client from 'openid-client'
import { claimsOf, complete, type Provider, type ProviderTokens, tokensOf } from './identity.ts'

export type Again =
  | {
      readonly is: 'told'
      readonly claims: Readonly<Record<string, unknown>>
      readonly tokens: ProviderTokens
    }
  /** It does not say, and cannot be asked with these again. */
  | { readonly is: 'silent'; readonly tokens: ProviderTokens }
  /** It no longer knows the sign-in. */
  | { readonly is: 'ended' }

/** With a refresh token: the provider says whether the sign-in still holds, and for whom. */
const refresh = async (
  provider: Provider,
  tokens: ProviderTokens,
  token: string,
  subject: string,
): Promise<Again> => {
  let granted: Awaited<ReturnType<typeof client.refreshTokenGrant>>
  try {
    granted = await client.refreshTokenGrant(provider.config, token)
  } catch (thrown) {
    if (thrown instanceof client.ResponseBodyError && thrown.error === 'invalid_grant') return { is: 'ended' }
    throw thrown
  }
  const claims = (await claimsOf(provider, granted)) ?? {}
  if ('sub' in claims && claims.sub !== subject) throw new Error('the provider refreshed somebody else')
  return {
    is: 'told',
    claims: await complete(provider, claims, granted.access_token, subject, [provider.settings.groupsClaim]),
    tokens: tokensOf(granted, tokens),
  }
}

/** Without one: as long as the access token lasts. */
const lookUp = async ({ config }: Provider, access: string, subject: string): Promise<Again> => {
  if (config.serverMetadata().userinfo_endpoint === undefined) return { is: 'silent', tokens: {} }
  try {
    const claims = await client.fetchUserInfo(config, access, subject)
    return { is: 'told', claims, tokens: { access } }
  } catch (thrown) {
    // It has run out: nothing is known, and nothing changed.
    if (thrown instanceof client.WWWAuthenticateChallengeError) return { is: 'silent', tokens: {} }
    throw thrown
  }
}

export const askAgain = async (
  provider: Provider,
  tokens: ProviderTokens,
  subject: string,
): Promise<Again> => {
  if (tokens.refresh !== undefined) return refresh(provider, tokens, tokens.refresh, subject)
  if (tokens.access !== undefined) return lookUp(provider, tokens.access, subject)
  return { is: 'silent', tokens }
}
