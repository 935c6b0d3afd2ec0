/** The identity provider of a demonstration site, beside its hub. */
import { readFileSync } from 'node:fs'
import type { Addresses, Layout } from './layout.ts'
import { people } from './people.ts'
import { type RunningProvider, startProvider } from './provider.ts'

export const startSiteProvider = (layout: Layout, at: Addresses): Promise<RunningProvider> =>
  startProvider({
    port: at.port + 1,
    clientId: 'seneschal',
    clientSecret: readFileSync(layout.clientSecret, 'utf8'),
    redirectUris: [`${at.hub}/auth/callback`],
    postLogoutRedirectUris: [`${at.hub}/`],
    backchannelLogoutUri: `${at.hub}/auth/backchannel-logout`,
    people,
    title: 'Seneschal demonstration',
  })
