/**
 * The identity provider: OpenID Connect code flow with PKCE, state, nonce and issuer check, and the device flow. It is
 * looked up when it is first needed and again after a failure, so a hub starts and goes on without it.
 */
import * as client from 'openid-client'
import { SeneschalError } from '../../protocol/errors.ts'
import type { Started } from './attempts.ts'
import { type Identity, identityFrom, type Provider, type ProviderTokens } from './identity.ts'
import { type LogoutToken, verifyLogoutToken } from './logout-token.ts'
import { createProvider, type ProviderParts } from './provider.ts'
import { type Again, askAgain } from './provider-again.ts'
import { isUnreachable, withProviderErrors } from './provider-errors.ts'

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

/** Ask for credentials although the person is signed in there: `acrValues`, if any, says which. */
export type Credentials = { readonly acrValues: string | undefined }

export type Oidc = {
  /** The provider's page. */
  readonly authorizationUrl: (attempt: Started, again: Credentials | undefined) => Promise<string>
  /** `query` of the callback, with its `?` → who it is. */
  readonly exchange: (query: string, attempt: Started) => Promise<Identity>
  /** Begins a device flow (RFC 8628). */
  readonly device: (again: Credentials | undefined) => Promise<DeviceCode>
  /** What it says now of somebody who signed in before. Rejects where it cannot be asked. */
  readonly again: (tokens: ProviderTokens, subject: string) => Promise<Again>
  /** It did not answer when it was last asked: nobody should wait for it. */
  readonly isDown: () => boolean
  /** The provider's page that ends its own session; undefined where it has none or cannot be asked. */
  readonly endSessionUrl: (idToken: string | null) => Promise<string | undefined>
  readonly verifyLogout: (token: string) => Promise<LogoutToken>
}

export const createOidc = (parts: ProviderParts): Oidc => {
  const { provider, publicUrl } = parts.config
  const redirectUri = `${publicUrl}/auth/callback`
  const { metadata, fresh, known } = createProvider(parts)

  /** How the provider asks for credentials although somebody is signed in there. */
  const asking = (again: Credentials | undefined): Readonly<Record<string, string>> => ({
    ...(again === undefined ? {} : { prompt: 'login', max_age: '0' }),
    ...(again?.acrValues === undefined ? {} : { acr_values: again.acrValues }),
  })

  const deviceAnswer = async (
    at: Provider,
    begun: client.DeviceAuthorizationResponse,
    signal: AbortSignal,
  ): Promise<Identity> => {
    const granted = client.pollDeviceAuthorizationGrant(at.config, begun, undefined, { signal })
    const tokens = await granted.catch((thrown: unknown) => {
      const isNo = thrown instanceof client.ResponseBodyError
      if (isNo && thrown.error === 'access_denied') throw new SeneschalError('auth.denied')
      if (isNo && thrown.error === 'expired_token')
        throw new SeneschalError('auth.denied', 'Its time is over. Begin again.')
      throw thrown
    })
    return identityFrom(at, tokens)
  }
  /** A provider that is away for a moment ends nothing: the person may still be at its page (RFC 8628, section 3.5). */
  const waitForDevice: typeof deviceAnswer = async (at, begun, signal) => {
    const end = parts.wall() + begun.expires_in * 1000
    for (;;)
      try {
        return await deviceAnswer(at, begun, signal)
      } catch (thrown) {
        if (!isUnreachable(thrown) || signal.aborted || parts.wall() >= end) throw thrown
      }
  }

  return {
    authorizationUrl: (attempt, again) =>
      withProviderErrors(async () => {
        const { config } = await fresh()
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
      withProviderErrors(async () => {
        const at = await known()
        const tokens = await client.authorizationCodeGrant(at.config, new URL(redirectUri + query), {
          expectedState: attempt.state,
          expectedNonce: attempt.nonce,
          pkceCodeVerifier: attempt.verifier,
          idTokenExpected: true,
        })
        return identityFrom(at, tokens)
      }),
    device: (again) =>
      withProviderErrors(async () => {
        const at = await fresh()
        if (at.config.serverMetadata().device_authorization_endpoint === undefined)
          throw new SeneschalError('auth.provider-unavailable', 'It has no sign-in for command lines.')
        const begun = await client.initiateDeviceAuthorization(at.config, {
          scope: provider.scopes.join(' '),
          ...asking(again),
          // Not 0, which providers read as another way to write `prompt`, and device flows have no prompt.
          ...(again === undefined ? {} : { max_age: '1' }),
        })
        return {
          userCode: begun.user_code,
          verificationUri: begun.verification_uri,
          verificationUriComplete: begun.verification_uri_complete ?? null,
          expiresIn: begun.expires_in,
          interval: begun.interval ?? 5,
          finish: (signal) => withProviderErrors(() => waitForDevice(at, begun, signal)),
        }
      }),
    again: (tokens, subject) =>
      withProviderErrors(async () => {
        // One question finds out that it is back, not one for each who waits for that.
        const at = metadata.isDown() ? await fresh() : await known()
        try {
          return await askAgain(at, tokens, subject)
        } catch (thrown) {
          if (isUnreachable(thrown)) metadata.doubt()
          throw thrown
        }
      }),
    isDown: metadata.isDown,
    endSessionUrl: async (idToken) => {
      // The hub's own session ends whether or not the provider can be asked.
      const found = await known().catch(() => undefined)
      if (found?.config.serverMetadata().end_session_endpoint === undefined) return undefined
      return client.buildEndSessionUrl(found.config, {
        post_logout_redirect_uri: `${publicUrl}/`,
        ...(idToken === null ? {} : { id_token_hint: idToken }),
      }).href
    },
    verifyLogout: (token) =>
      withProviderErrors(async () => {
        const { keys, tolerance } = await known()
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
