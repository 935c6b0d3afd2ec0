/**
 * A whole hub on loopback with a real identity provider and the files of a daemon; time can be moved. Its UI servers
 * take whatever they are handed.
 */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import { z } from 'zod/mini'
import type { DemoPerson } from '../../demo/provider.ts'
import { readChain } from '../../durable/chain-verify.ts'
import { type HubConfig, hubConfig } from '../../hub/config.ts'
import { createHub, type Hub } from '../../hub/main.ts'
import { type SessionBody, sessionBody } from '../../protocol/api.ts'
import type { AuditEvent, AuditRecord } from '../../protocol/audit.ts'
import type { ElevationClass, PermissionSnapshot } from '../../protocol/permissions.ts'
import { type InProcessSpawner, inProcessSpawner } from './in-process-spawner.ts'
import { type LyingProvider, people, startLyingProvider } from './provider.ts'
import { accountRow, layer, type SiteFeed, siteFeed, snapshotOf, summaryRow } from './site-feed.ts'
import { temporaryDirectory } from './temporary.ts'
import { createVisitor, type Page, type Visitor } from './visitor.ts'

export const origin = 'https://hub.test'

export type TestHub = {
  readonly hub: Hub
  readonly port: number
  readonly provider: LyingProvider
  readonly feed: SiteFeed
  readonly spawner: InProcessSpawner
  readonly dir: string
  readonly config: HubConfig
  /** All lines of the hub's log so far. */
  readonly logged: () => string
  /** Moves the wall clock of the hub alone, ms. */
  readonly shift: (ms: number) => void
  readonly visitor: () => Visitor
  /** A browser in which somebody signed in by the provider's pages. */
  readonly signIn: (person: string, visitor?: Visitor) => Promise<Visitor>
  /** Asks to raise privileges, up to the provider's page. */
  readonly askToRaise: (visitor: Visitor, to?: ElevationClass, more?: object) => Promise<Page>
  readonly raise: (visitor: Visitor, to?: ElevationClass, as?: string) => Promise<Page>
  readonly session: (visitor: Visitor) => Promise<SessionBody>
  readonly permissions: (snapshot: PermissionSnapshot) => Promise<void>
  /** What stands in the hub's own chain. */
  readonly audited: (event?: AuditEvent) => Promise<readonly AuditRecord[]>
}

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

type Options = {
  /** Laid over the configuration. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly permissions?: PermissionSnapshot
  /** Without it the provider of a former hub goes on. */
  readonly provider?: LyingProvider
  /** Whom the provider knows besides. */
  readonly more?: readonly DemoPerson[]
  readonly dir?: string
  /** How the hub asks the provider. */
  readonly fetch?: typeof globalThis.fetch
  /** What UI servers answer; upgrades by `upgrade`. */
  readonly answer?: RequestListener
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** By which browsers know the hub; a real one needs the port as well. */
  readonly at?: { readonly origin: string; readonly port: number }
}

const writeSite = async (feed: SiteFeed, snapshot: PermissionSnapshot): Promise<void> => {
  for (const [account, workflow] of [
    ['atmosphere_stage', 'clouds'],
    ['atmosphere_stage', 'secret'],
    ['oceans_stage', 'waves'],
  ] as const) {
    await feed.put('account', account, accountRow(account))
    await feed.put('summary', `${account}/${workflow}`, summaryRow(account, workflow))
  }
  await feed.permissions(snapshot)
  await feed.heartbeat(Date.now())
}

export const startTestHub = async (t: TestContext, options: Options = {}): Promise<TestHub> => {
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
  await writeSite(feed, options.permissions ?? permissions())
  mkdirSync(join(dir, 'etc'), { recursive: true })
  writeFileSync(join(dir, 'etc/secret'), clientSecret, { mode: 0o600 })
  const config = hubConfig.parse({
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
  })
  const spawner = await inProcessSpawner(t, () => {
    const server = createServer(options.answer ?? ((_request, response) => response.writeHead(202).end()))
    if (options.upgrade !== undefined) server.on('upgrade', options.upgrade)
    return server
  })
  const lines: string[] = []
  let skew = 0
  const hub = await createHub(config, {
    spawner: () => spawner,
    feedTransport: () => {
      throw new Error('this hub mounts its feed')
    },
    random: Math.random,
    now: () => Date.now() + skew,
    monotonic: () => performance.now(),
    ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
    logTo: { write: (line) => void lines.push(line) },
  })
  t.after(() => hub.close())
  await hub.listen()
  const { port } = hub.app.server.address() as AddressInfo
  target.port = port

  const visitor = () => createVisitor({ origin: home, port })
  const authenticate = async (at: Visitor, page: Page, name: string) =>
    at.submit(page, { name, password: name })
  const askToRaise: TestHub['askToRaise'] = async (at, to = 'execute', more = {}) => {
    const answer = await at.change('POST', '/auth/elevate', { class: to, ...more })
    assert.equal(answer.status, 200, answer.text)
    return at.open((answer.body as { location: string }).location)
  }
  const session: TestHub['session'] = async (at) => {
    const page = await at.ask('GET', '/api/session')
    assert.equal(page.status, 200, page.text)
    return sessionBody.parse(page.body)
  }
  return {
    hub,
    port,
    provider,
    feed,
    spawner,
    dir,
    config,
    logged: () => lines.join(''),
    shift: (ms) => {
      skew += ms
    },
    visitor,
    signIn: async (person, at = visitor()) => {
      const page = await at.open('/auth/login')
      // Whom the provider still knows it does not ask again.
      if (page.url.origin !== home) await authenticate(at, page, person)
      assert.equal((await session(at)).person, person)
      return at
    },
    askToRaise,
    raise: async (at, to = 'execute', as) =>
      authenticate(at, await askToRaise(at, to), as ?? (await session(at)).person),
    session,
    permissions: (snapshot) => feed.permissions(snapshot),
    audited: async (event) => {
      const found: AuditRecord[] = []
      for await (const record of readChain(config.audit))
        if (event === undefined || record.event === event) found.push(record)
      return found
    },
  }
}
