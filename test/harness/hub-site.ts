/** What a hub stands on in tests: a real identity provider, the files of a daemon, and a configuration. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { z } from 'zod/mini'
import type { DemoPerson } from '../../demo/provider.ts'
import { type HubConfig, hubConfig } from '../../hub/config.ts'
import type { PermissionSnapshot } from '../../protocol/permissions.ts'
import { type LyingProvider, people, startLyingProvider } from './provider.ts'
import { accountRow, layer, type SiteFeed, siteFeed, snapshotOf, summaryRow } from './site-feed.ts'
import { temporaryDirectory } from './temporary.ts'

export const origin = 'https://hub.test'

export const permissions = (over: Partial<PermissionSnapshot> = {}): PermissionSnapshot =>
  snapshotOf({
    site: layer({ read: ['everyone'], execute: ['everyone'], write: ['user:admin'] }),
    roles: { admin: ['group:oidc/site-admins'], auditor: [], developer: [] },
    limits: layer({ write: ['user:admin'] }),
    accounts: {
      atmosphere_stage: {
        owners: ['user:owner'],
        cli: 'refuse',
        workflows: { secret: layer({ read: ['owner'] }) },
      },
      oceans_stage: { owners: [], cli: 'refuse', layer: layer({ read: ['user:mel'] }), workflows: {} },
    },
    ...over,
  })

export type HubSiteOptions = {
  /** Laid over the configuration. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly permissions?: PermissionSnapshot
  /** Besides those that are always there, each with a workflow `clouds`. */
  readonly accounts?: readonly string[]
  /** Without it the provider of a former hub goes on. */
  readonly provider?: LyingProvider
  /** Whom the provider knows besides. */
  readonly more?: readonly DemoPerson[]
  readonly dir?: string
  /** By which browsers know the hub; a real one needs the port as well. */
  readonly at?: { readonly origin: string; readonly port: number }
}

export type HubSite = {
  readonly provider: LyingProvider
  readonly feed: SiteFeed
  readonly dir: string
  readonly config: HubConfig
  /** As it was before it was parsed: what may stand in a file. */
  readonly written: Readonly<Record<string, unknown>>
  /** By which browsers know the hub. */
  readonly home: string
  /** Where the hub turned out to listen: the provider has word for it. */
  readonly listens: (port: number) => void
}

const writeSite = async (
  feed: SiteFeed,
  snapshot: PermissionSnapshot,
  accounts: readonly string[],
): Promise<void> => {
  for (const [account, workflow] of [
    ['atmosphere_stage', 'clouds'],
    ['atmosphere_stage', 'secret'],
    ['oceans_stage', 'waves'],
  ] as const) {
    await feed.put('account', account, accountRow(account))
    await feed.put('summary', `${account}/${workflow}`, summaryRow(account, workflow))
  }
  for (const account of accounts) {
    await feed.put('account', account, accountRow(account))
    await feed.put('summary', `${account}/clouds`, summaryRow(account, 'clouds'))
  }
  await feed.permissions(snapshot)
  await feed.heartbeat(Date.now())
}

export const prepareHubSite = async (
  t: Pick<TestContext, 'after'>,
  options: HubSiteOptions = {},
): Promise<HubSite> => {
  z.config(z.locales.en())
  const dir = options.dir ?? (await temporaryDirectory(t))
  const clientSecret = 'a-client-secret-of-the-test-that-must-not-be-logged'
  const target = { port: 0 }
  const home = options.at?.origin ?? origin
  const provider =
    options.provider ??
    (await startLyingProvider({
      port: 0,
      clientId: 'seneschal',
      clientSecret,
      redirectUris: [`${home}/auth/callback`],
      postLogoutRedirectUris: [`${home}/`],
      backchannelLogoutUri: `${home}/auth/backchannel-logout`,
      people: [
        ...people,
        { name: 'oceans_stage', title: 'Impostor', groups: ['unix/atm-ops'], note: '' },
        ...(options.more ?? []),
      ],
      title: 'Test site',
      fetch: (input, init) => fetch(String(input).replace(home, `http://127.0.0.1:${target.port}`), init),
    }))
  if (options.provider === undefined) t.after(() => provider.close())

  const feed = await siteFeed(t, join(dir, 'site'))
  await writeSite(feed, options.permissions ?? permissions(), options.accounts ?? [])
  mkdirSync(join(dir, 'etc'), { recursive: true })
  writeFileSync(join(dir, 'etc/secret'), clientSecret, { mode: 0o600 })
  const written = {
    title: 'Test site',
    site: 'test',
    listen: { host: '127.0.0.1', port: options.at?.port ?? 0 },
    publicUrl: home,
    provider: {
      issuer: provider.issuer,
      clientId: 'seneschal',
      clientSecret: { file: join(dir, 'etc/secret') },
      unsafeAllowHttp: true,
    },
    database: join(dir, 'hub/hub.sqlite'),
    keys: join(dir, 'hub/keys'),
    audit: join(dir, 'hub/audit'),
    daemons: [{ name: 'main', directory: join(dir, 'site') }],
    spawner: { kind: 'local' },
    signInsPerMinute: 10_000,
    actionsPerMinute: 10_000,
    logLevel: 'trace',
    ...options.config,
  }
  return {
    ...{ provider, feed, dir, home, written, config: hubConfig.parse(written) },
    listens: (port) => {
      target.port = port
    },
  }
}
