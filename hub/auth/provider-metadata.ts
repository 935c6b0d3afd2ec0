/**
 * What the identity provider says of itself: where its pages and interfaces are. Asked for before each person is sent
 * there, because a browser in front of a provider that is down has no way back and shows a page that is not ours.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerMetadata } from 'openid-client'
import { z } from 'zod/mini'
import { isLoopback } from '../config.ts'
import { type ProviderFetch, Unreachable } from './provider-road.ts'

/** Everything that is asked later or shown to a browser leads to where nobody in between can read or answer. */
const endpoint = (allowHttp: boolean) =>
  z
    .url()
    .check(
      z.refine(
        (url) =>
          URL.canParse(url) &&
          (url.startsWith('https://') || (allowHttp && url.startsWith('http://') && isLoopback(url))),
      ),
    )

const documentOf = (issuer: string, allowHttp: boolean) => {
  const url = endpoint(allowHttp)
  return z.looseObject({
    issuer: z.literal(issuer),
    authorization_endpoint: url,
    token_endpoint: url,
    jwks_uri: url,
    userinfo_endpoint: z.optional(url),
    end_session_endpoint: z.optional(url),
    device_authorization_endpoint: z.optional(url),
  })
}
export type ProviderMetadata = ServerMetadata & { readonly jwks_uri: string }

export type Metadata = {
  /** As it is now. After a failure there is a pause; whoever asks in it waits for its end, and shares the next question. */
  readonly fresh: () => Promise<ProviderMetadata>
  /** As it was last; asked for where it never was. */
  readonly known: () => Promise<ProviderMetadata>
  /** Somebody found it down by another way. */
  readonly doubt: () => void
  /** It did not answer when it was last asked. */
  readonly isDown: () => boolean
}

/** After the first failure, doubled with each, ms: nobody who tries again waits long. */
const pauses = { first: 500, longest: 3000 } as const

export const createMetadata = (parts: {
  readonly issuer: string
  readonly allowHttp: boolean
  readonly fetch: ProviderFetch
  /** ms. */
  readonly now: () => number
}): Metadata => {
  const { issuer, now } = parts
  const schema = documentOf(issuer, parts.allowHttp)
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  let last: ProviderMetadata | undefined
  let down = false
  let failure: { readonly at: number; readonly pause: number } | undefined
  let asking: Promise<ProviderMetadata> | undefined

  const load = async (): Promise<ProviderMetadata> => {
    const response = await parts.fetch(url, { headers: { accept: 'application/json' } })
    const body: unknown = await response.json().catch((cause: unknown) => {
      throw new Unreachable('the identity provider did not answer in JSON', { cause })
    })
    const parsed = schema.safeParse(body)
    if (response.status !== 200 || !parsed.success)
      throw new Unreachable(`the identity provider answered ${response.status}, and not as one`, {
        cause: parsed.error,
      })
    // What is left out is absent, not undefined: it was JSON.
    return parsed.data as ProviderMetadata
  }
  const ask = async (): Promise<ProviderMetadata> => {
    try {
      const found = await load()
      // The same object as long as it says the same: who keeps something beside it keeps it.
      if (JSON.stringify(found) !== JSON.stringify(last)) last = found
      failure = undefined
      down = false
      return last ?? found
    } catch (thrown) {
      const pause = failure === undefined ? pauses.first : Math.min(failure.pause * 2, pauses.longest)
      failure = { at: now(), pause }
      down = true
      throw thrown
    }
  }
  const pauseLeft = (): number => {
    const passed = failure === undefined ? 0 : Math.abs(now() - failure.at)
    return Math.max(0, (failure?.pause ?? 0) - passed)
  }
  const askInTime = async (): Promise<ProviderMetadata> => {
    const left = pauseLeft()
    if (left > 0) await sleep(left, undefined, { ref: false })
    return ask()
  }
  const fresh = (): Promise<ProviderMetadata> => {
    asking ??= askInTime().finally(() => {
      asking = undefined
    })
    return asking
  }
  return {
    fresh,
    known: async () => last ?? fresh(),
    doubt: () => {
      down = true
    },
    isDown: () => down,
  }
}
