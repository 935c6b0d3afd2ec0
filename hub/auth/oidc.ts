/**
 * The identity provider: OpenID Connect code flow with PKCE, state, nonce and issuer check. It is looked up when
 * it is first needed and again after a failure, so a hub starts and goes on without it.
 */
import { createRemoteJWKSet, type JWTVerifyGetKey, customFetch as joseFetch } from 'jose'
import * as client from 'openid-client'
import { milliseconds } from '../../config/schemas.ts'
import { visible } from '../../protocol/audit.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import type { HubConfig } from '../config.ts'
import type { Started } from './attempts.ts'
import { type LogoutToken, verifyLogoutToken } from './logout-token.ts'

/** What the provider vouches for. */
export type Identity = {
  readonly issuer: string
  readonly subject: string
  /** Of the ID token and, where that lacks what is needed, of userinfo. */
  readonly claims: Readonly<Record<string, unknown>>
  readonly sid: string | null
  readonly idToken: string
  readonly tokens: ProviderTokens
}

/** What the provider can be asked with again; empty where it gave nothing for that. */
export type ProviderTokens = {
  readonly refresh?: string | undefined
  readonly access?: string | undefined
}

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

/** What a person needs to answer at the provider, and the answer. */
export type DeviceCode = {
  readonly userCode: string
  readonly verificationUri: string
  readonly verificationUriComplete: string | null
  /** Seconds. */
  readonly expiresIn: number
  readonly interval: number
  /** Waits for it, however long that takes. */
  readonly finish: (signal: AbortSignal) => Promise<Identity>
}

export type Oidc = {
  /** The provider's page. `again`: ask for credentials although the person is signed in there. */
  readonly authorizationUrl: (attempt: Started, again: boolean) => Promise<string>
  /** `query` of the callback, with its `?` → who it is. */
  readonly exchange: (query: string, attempt: Started) => Promise<Identity>
  /** Begins a device flow (RFC 8628). `again` as above. */
  readonly device: (again: boolean) => Promise<DeviceCode>
  /** What it says now of somebody who signed in before. Rejects where it cannot be asked. */
  readonly again: (tokens: ProviderTokens, subject: string) => Promise<Again>
  /** The provider's page that ends its own session; undefined where it has none or cannot be asked. */
  readonly endSessionUrl: (idToken: string | null) => Promise<string | undefined>
  readonly verifyLogout: (token: string) => Promise<LogoutToken>
}

export type OidcParts = {
  readonly config: Pick<HubConfig, 'provider' | 'publicUrl'>
  readonly secret: string
  readonly fetch: typeof globalThis.fetch
  /** Epoch ms: compared with the provider's clock, within the configured tolerance. */
  readonly wall: () => number
}

class Unreachable extends Error {}

/** Nobody answers, or the provider itself has trouble: told apart from an answer that is wrong. */
const reporting =
  (fetch: typeof globalThis.fetch, timeout: number) =>
  async (
    url: string,
    options: Omit<RequestInit, 'body' | 'signal'> & { body?: unknown; signal?: AbortSignal | undefined },
  ): Promise<Response> => {
    let response: Response
    try {
      response = await fetch(url, {
        ...(options as RequestInit),
        signal: options.signal ?? AbortSignal.timeout(timeout),
      })
    } catch (cause) {
      throw new Unreachable('the identity provider cannot be reached', { cause })
    }
    if (response.status < 500) return response
    await response.body?.cancel()
    throw new Unreachable(`the identity provider answered ${response.status}`)
  }

const causes = function* (thrown: unknown): Generator<unknown> {
  for (let here = thrown; here !== undefined; here = here instanceof Error ? here.cause : undefined)
    yield here
}

const refusals: Readonly<Record<string, 'auth.denied' | 'auth.provider-unavailable'>> = {
  access_denied: 'auth.denied',
  login_required: 'auth.denied',
  interaction_required: 'auth.denied',
  consent_required: 'auth.denied',
  account_selection_required: 'auth.denied',
  temporarily_unavailable: 'auth.provider-unavailable',
  server_error: 'auth.provider-unavailable',
}

const translated = (thrown: unknown): SeneschalError => {
  if (thrown instanceof SeneschalError) return thrown
  if (thrown instanceof client.AuthorizationResponseError) {
    const code = refusals[thrown.error] ?? 'auth.answer-invalid'
    return new SeneschalError(code, `It said ${visible(thrown.error).slice(0, 64)}.`, { cause: thrown })
  }
  for (const cause of causes(thrown))
    if (cause instanceof Unreachable || (cause instanceof DOMException && cause.name === 'TimeoutError'))
      return new SeneschalError('auth.provider-unavailable', undefined, { cause: thrown })
  return new SeneschalError('auth.answer-invalid', undefined, { cause: thrown })
}

type Known = { readonly config: client.Configuration; readonly keys: JWTVerifyGetKey | undefined }

export const createOidc = (parts: OidcParts): Oidc => {
  const { provider, publicUrl } = parts.config
  const redirectUri = `${publicUrl}/auth/callback`
  const timeout = milliseconds(provider.timeout)
  const tolerance = Math.ceil(milliseconds(provider.clockTolerance) / 1000)
  const fetch = reporting(parts.fetch, timeout)

  const discover = async (): Promise<Known> => {
    const found = client.discovery(
      new URL(provider.issuer),
      provider.clientId,
      { client_secret: parts.secret, [client.clockTolerance]: tolerance },
      client.ClientSecretBasic(parts.secret),
      {
        [client.customFetch]: fetch,
        timeout: timeout / 1000,
        execute: [
          // The signature of the ID token is checked although it came straight from the provider.
          client.enableNonRepudiationChecks,
          ...(provider.unsafeAllowHttp ? [client.allowInsecureRequests] : []),
        ],
      },
    )
    const config = await found.catch((cause: unknown) => {
      throw new Unreachable('the identity provider does not say what it is', { cause })
    })
    const uri = config.serverMetadata().jwks_uri
    const keys =
      uri === undefined
        ? undefined
        : createRemoteJWKSet(new URL(uri), {
            // A flood of unknown key ids costs one request a minute.
            cooldownDuration: 60_000,
            timeoutDuration: timeout,
            [joseFetch]: fetch,
          })
    return { config, keys }
  }

  let known: Promise<Known> | undefined
  const ask = async (): Promise<Known> => {
    known ??= discover()
    try {
      return await known
    } catch (thrown) {
      known = undefined
      throw thrown
    }
  }
  let finding: Promise<void> | undefined
  /**
   * Before somebody is sent there: a browser in front of a provider that is down has no way back, and shows a page
   * that is not ours.
   */
  const findAlive = async (): Promise<void> => {
    const response = await fetch(`${provider.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
      redirect: 'manual',
      signal: AbortSignal.timeout(timeout),
    })
    const body: unknown = await response.json().catch((cause: unknown) => {
      throw new Unreachable('the identity provider did not answer in JSON', { cause })
    })
    if (!response.ok || (body as { issuer?: unknown } | null)?.issuer !== provider.issuer)
      throw new Unreachable(`the identity provider answered ${response.status}, and not as one`)
  }
  /** Whoever asks meanwhile shares the question. */
  const mustBeAlive = (): Promise<void> => {
    finding ??= findAlive().finally(() => {
      finding = undefined
    })
    return finding
  }
  const translating = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (thrown) {
      throw translated(thrown)
    }
  }

  /** Tokens of a grant; a provider that rotates nothing leaves the former one in force. */
  const tokensOf = (
    granted: { readonly refresh_token?: string; readonly access_token?: string },
    before?: ProviderTokens,
  ): ProviderTokens => ({
    refresh: granted.refresh_token ?? before?.refresh,
    access: granted.access_token,
  })

  /** `claims`, with what they lack out of userinfo. */
  const complete = async (
    config: client.Configuration,
    claims: Readonly<Record<string, unknown>>,
    access: string,
    subject: string,
    wanted: readonly string[],
  ): Promise<Readonly<Record<string, unknown>>> => {
    const lacking = wanted.filter((name) => !(name in claims))
    const hasMore = config.serverMetadata().userinfo_endpoint !== undefined
    const needsMore = lacking.some((name) => name !== provider.nameClaim)
    const more: Readonly<Record<string, unknown>> =
      needsMore && hasMore ? await client.fetchUserInfo(config, access, subject) : {}
    // Who it is may be asked for; when and how they authenticated only the ID token vouches for.
    return { ...Object.fromEntries(lacking.map((name) => [name, more[name]])), ...claims }
  }

  type Granted = Awaited<ReturnType<typeof client.authorizationCodeGrant>>

  const identityFrom = async (config: client.Configuration, tokens: Granted): Promise<Identity> => {
    const claims = tokens.claims()
    if (claims === undefined || tokens.id_token === undefined) throw new Error('no ID token')
    const wanted = [provider.personClaim, provider.nameClaim, provider.groupsClaim]
    return {
      issuer: claims.iss,
      subject: claims.sub,
      claims: await complete(config, claims, tokens.access_token, claims.sub, wanted),
      sid: typeof claims.sid === 'string' ? claims.sid : null,
      idToken: tokens.id_token,
      tokens: tokensOf(tokens),
    }
  }

  /** How the provider asks for credentials although somebody is signed in there. */
  const asking = (again: boolean): Readonly<Record<string, string>> => ({
    ...(again ? { prompt: 'login', max_age: '0' } : {}),
    ...(again && provider.acrValues !== undefined ? { acr_values: provider.acrValues } : {}),
  })

  /** With a refresh token: the provider says whether the sign-in still holds, and for whom. */
  const refresh = async (tokens: ProviderTokens, token: string, subject: string): Promise<Again> => {
    const { config } = await ask()
    let granted: Awaited<ReturnType<typeof client.refreshTokenGrant>>
    try {
      granted = await client.refreshTokenGrant(config, token)
    } catch (thrown) {
      if (thrown instanceof client.ResponseBodyError && thrown.error === 'invalid_grant')
        return { is: 'ended' }
      throw thrown
    }
    const claims = granted.claims() ?? {}
    if ('sub' in claims && claims.sub !== subject) throw new Error('the provider refreshed somebody else')
    const wanted = [provider.groupsClaim]
    return {
      is: 'told',
      claims: await complete(config, claims, granted.access_token, subject, wanted),
      tokens: tokensOf(granted, tokens),
    }
  }

  /** Without one: as long as the access token lasts. */
  const lookUp = async (access: string, subject: string): Promise<Again> => {
    const { config } = await ask()
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

  return {
    authorizationUrl: (attempt, again) =>
      translating(async () => {
        const { config } = await ask()
        await mustBeAlive()
        const url = client.buildAuthorizationUrl(config, {
          redirect_uri: redirectUri,
          scope: provider.scopes.join(' '),
          state: attempt.state,
          nonce: attempt.nonce,
          code_challenge: await client.calculatePKCECodeChallenge(attempt.verifier),
          code_challenge_method: 'S256',
          ...asking(again),
        })
        return url.href
      }),
    exchange: (query, attempt) =>
      translating(async () => {
        const { config } = await ask()
        const tokens = await client.authorizationCodeGrant(config, new URL(redirectUri + query), {
          expectedState: attempt.state,
          expectedNonce: attempt.nonce,
          pkceCodeVerifier: attempt.verifier,
          idTokenExpected: true,
        })
        return identityFrom(config, tokens)
      }),
    device: (again) =>
      translating(async () => {
        const { config } = await ask()
        if (config.serverMetadata().device_authorization_endpoint === undefined)
          throw new SeneschalError('auth.provider-unavailable', 'It has no sign-in for command lines.')
        const begun = await client.initiateDeviceAuthorization(config, {
          scope: provider.scopes.join(' '),
          ...asking(again),
          // Not 0, which providers read as another way to write `prompt`, and device flows have no prompt.
          ...(again ? { max_age: '1' } : {}),
        })
        return {
          userCode: begun.user_code,
          verificationUri: begun.verification_uri,
          verificationUriComplete: begun.verification_uri_complete ?? null,
          expiresIn: begun.expires_in,
          interval: begun.interval ?? 5,
          finish: (signal) =>
            translating(async () => {
              const granted = client.pollDeviceAuthorizationGrant(config, begun, undefined, { signal })
              const tokens = await granted.catch((thrown: unknown) => {
                const isNo = thrown instanceof client.ResponseBodyError
                if (isNo && thrown.error === 'access_denied') throw new SeneschalError('auth.denied')
                if (isNo && thrown.error === 'expired_token')
                  throw new SeneschalError('auth.denied', 'Its time is over. Begin again.')
                throw thrown
              })
              return identityFrom(config, tokens)
            }),
        }
      }),
    again: (tokens, subject) =>
      translating(async () => {
        if (tokens.refresh !== undefined) return refresh(tokens, tokens.refresh, subject)
        if (tokens.access !== undefined) return lookUp(tokens.access, subject)
        return { is: 'silent', tokens }
      }),
    endSessionUrl: async (idToken) => {
      // The hub's own session ends whether or not the provider can be asked.
      const found = await ask().catch(() => undefined)
      if (found === undefined) return undefined
      const { config } = found
      if (config.serverMetadata().end_session_endpoint === undefined) return undefined
      return client.buildEndSessionUrl(config, {
        post_logout_redirect_uri: `${publicUrl}/`,
        ...(idToken === null ? {} : { id_token_hint: idToken }),
      }).href
    },
    verifyLogout: (token) =>
      translating(async () => {
        const { keys } = await ask()
        if (keys === undefined) throw new SeneschalError('auth.logout-token-invalid')
        return verifyLogoutToken(token, {
          keys,
          issuer: provider.issuer,
          audience: provider.clientId,
          now: parts.wall(),
          tolerance,
        })
      }),
  }
}
