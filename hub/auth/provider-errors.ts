/** What went wrong at the identity provider, or between it and here, as one of our codes. */
import * as client from 'openid-client'
import { visible } from '../../protocol/audit.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { Unreachable } from './provider-road.ts'

const causes = function* (thrown: unknown): Generator<unknown> {
  for (let here = thrown; here !== undefined; here = here instanceof Error ? here.cause : undefined)
    yield here
}

/** Its own codes (RFC 6749, section 4.1.2.1; OpenID Connect Core, section 3.1.2.6). */
const refusals: Readonly<Record<string, 'auth.denied' | 'auth.provider-unavailable'>> = {
  access_denied: 'auth.denied',
  login_required: 'auth.denied',
  interaction_required: 'auth.denied',
  consent_required: 'auth.denied',
  account_selection_required: 'auth.denied',
  temporarily_unavailable: 'auth.provider-unavailable',
  server_error: 'auth.provider-unavailable',
}

const isOfAnotherTime = (cause: unknown): boolean =>
  cause instanceof client.ClientError && cause.code === 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED'

export const isUnreachable = (thrown: unknown): boolean =>
  causes(thrown).some(
    (cause) =>
      cause instanceof Unreachable || (cause instanceof DOMException && cause.name === 'TimeoutError'),
  )

export const providerError = (thrown: unknown): SeneschalError => {
  if (thrown instanceof SeneschalError) return thrown
  if (thrown instanceof client.AuthorizationResponseError) {
    const code = Object.hasOwn(refusals, thrown.error) ? refusals[thrown.error] : undefined
    const said = `It said ${visible(thrown.error).slice(0, 64)}.`
    return new SeneschalError(code ?? 'auth.answer-invalid', said, { cause: thrown })
  }
  if (isUnreachable(thrown))
    return new SeneschalError('auth.provider-unavailable', undefined, { cause: thrown })
  const code = causes(thrown).some(isOfAnotherTime) ? 'auth.clocks-apart' : 'auth.answer-invalid'
  return new SeneschalError(code, undefined, { cause: thrown })
}

export const withProviderErrors = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (thrown) {
    throw providerError(thrown)
  }
}
