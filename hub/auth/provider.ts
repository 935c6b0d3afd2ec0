/** The identity provider as it is known: what it says of itself, the client for that, its keys. */
import type { JSONWebKeySet } from 'jose'
import * as client from 'openid-client'
import { milliseconds } from '../../config/schemas.ts'
import type { HubConfig } from '../config.ts'
import type { Provider } from './identity.ts'
import { createProviderKeys } from './provider-keys.ts'
import { createMetadata, type Metadata, type ProviderMetadata } from './provider-metadata.ts'
import { createProviderRoad, Unreachable } from './provider-road.ts'

export type ProviderParts = {
  readonly config: Pick<HubConfig, 'provider' | 'publicUrl'>
  readonly secret: string
  readonly fetch: typeof globalThis.fetch
  /** Epoch ms: compared with the provider's clock, within the configured tolerance. */
  readonly wall: () => number
}

export type KnownProvider = {
  readonly metadata: Pick<Metadata, 'doubt' | 'isDown'>
  /** As it is now: before somebody is sent there. */
  readonly fresh: () => Promise<Provider>
  /** As it was last. */
  readonly known: () => Promise<Provider>
}

export const createProvider = (parts: ProviderParts): KnownProvider => {
  const { provider } = parts.config
  const timeout = milliseconds(provider.timeout)
  const tolerance = Math.ceil(milliseconds(provider.clockTolerance) / 1000)
  const fetch = createProviderRoad({ fetch: parts.fetch, timeout })
  const metadata = createMetadata({
    issuer: provider.issuer,
    allowHttp: provider.unsafeAllowHttp,
    fetch,
    now: parts.wall,
  })

  const configure = (server: ProviderMetadata): client.Configuration => {
    const config = new client.Configuration(
      server,
      provider.clientId,
      { client_secret: parts.secret, [client.clockTolerance]: tolerance },
      client.ClientSecretBasic(parts.secret),
    )
    config.timeout = timeout / 1000
    config[client.customFetch] = fetch
    if (provider.unsafeAllowHttp) client.allowInsecureRequests(config)
    return config
  }
  const keysOf = ({ jwks_uri }: ProviderMetadata) =>
    createProviderKeys({
      load: async () => {
        const response = await fetch(jwks_uri, { headers: { accept: 'application/json' } })
        if (response.status !== 200)
          throw new Unreachable(`the identity provider answered ${response.status} instead of its keys`)
        return (await response.json()) as JSONWebKeySet
      },
      now: parts.wall,
    })

  let held: { readonly server: ProviderMetadata; readonly provider: Provider } | undefined
  const of = (server: ProviderMetadata): Provider => {
    if (held?.server === server) return held.provider
    // One that says something new each time must not have its keys fetched each time.
    const keys = held?.server.jwks_uri === server.jwks_uri ? held.provider.keys : keysOf(server)
    const { wall } = parts
    held = { server, provider: { config: configure(server), keys, settings: provider, tolerance, wall } }
    return held.provider
  }
  return {
    metadata,
    fresh: async () => of(await metadata.fresh()),
    known: async () => of(await metadata.known()),
  }
}
