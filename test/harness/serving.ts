/**
 * The serving side of a hub through its front door: real Fastify, gate, store, audit log, tokens, tunnel and feed;
 * only people are made without a provider, and UI servers are whatever a test lets them be.
 */
import { generateKeyPairSync, randomBytes, randomUUIDv7, sign } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import Fastify from 'fastify'
import { createAddressOf } from '../../hub/address.ts'
import { type HubAudit, openAudit } from '../../hub/audit.ts'
import { kioskCookie, sessionCookie } from '../../hub/auth/cookies.ts'
import { createKiosks, newKioskId } from '../../hub/auth/kiosks.ts'
import { createSeal } from '../../hub/auth/seal.ts'
import { createSessions, type Session, type Sessions } from '../../hub/auth/sessions.ts'
import { createTokenUse } from '../../hub/auth/token-use.ts'
import { createScriptTokens } from '../../hub/auth/tokens.ts'
import type { Servers, Viewer } from '../../hub/context.ts'
import { localFeed } from '../../hub/daemons/feeds.ts'
import { answerErrors } from '../../hub/errors.ts'
import { createGate } from '../../hub/gate/gate.ts'
import { createGranted } from '../../hub/granted.ts'
import { createGroups } from '../../hub/groups.ts'
import { createLiveSockets } from '../../hub/live.ts'
import { createLog } from '../../hub/log.ts'
import { createProxyUpgrade } from '../../hub/proxy/upgrade.ts'
import { createUpstream } from '../../hub/proxy/upstream.ts'
import { accountsRoutes } from '../../hub/routes/accounts.ts'
import { actionsRoutes } from '../../hub/routes/actions.ts'
import { explainRoutes } from '../../hub/routes/explain.ts'
import { proxyRoutes } from '../../hub/routes/proxy.ts'
import { requestsRoutes } from '../../hub/routes/requests.ts'
import { serverRoutes } from '../../hub/routes/server.ts'
import { wallRoutes } from '../../hub/routes/wall.ts'
import { siteDirectories } from '../../hub/servers/directories.ts'
import { createServers } from '../../hub/servers/servers.ts'
import { createSigner } from '../../hub/signer.ts'
import { createSite } from '../../hub/site.ts'
import { registerSockets } from '../../hub/sockets.ts'
import { openStore } from '../../hub/store/open.ts'
import { createServerStore } from '../../hub/store/servers.ts'
import { createVouched } from '../../hub/vouched.ts'
import { createWall } from '../../hub/wall/wall.ts'
import type { AuditEvent } from '../../protocol/audit.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { closeCodes } from '../../protocol/frames.ts'
import type { ElevationClass, PermissionSnapshot } from '../../protocol/permissions.ts'
import { createVerifier, type Verifier } from '../../wire/tokens.ts'
import { type Answer, type Listening, listen, send } from './http.ts'
import { type InProcessSpawner, inProcessSpawner } from './in-process-spawner.ts'
import { accountRow, type SiteFeed, siteFeed, snapshotOf, summaryRow } from './site-feed.ts'
import { temporaryDirectory } from './temporary.ts'
import { until } from './until.ts'

export const origin = 'https://hub.test'

/** Somebody signed in: sends requests, byte for byte as told. */
export type Browser = {
  /** Undefined for a kiosk. */
  readonly session: Session | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly get: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Answer>
  readonly send: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Answer>
  readonly socket: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Listening>
}

export type Serving = {
  readonly url: string
  readonly port: number
  readonly feed: SiteFeed
  readonly spawner: InProcessSpawner
  readonly servers: Servers
  readonly audit: HubAudit
  readonly live: ReturnType<typeof createLiveSockets>
  readonly verifier: Verifier
  readonly signIn: (person: string, groups?: readonly string[]) => Promise<Browser>
  readonly raise: (browser: Browser, to: ElevationClass) => Promise<Browser>
  readonly kiosk: (accounts: readonly string[] | null) => Promise<Browser>
  /** The account's UI server is on. */
  readonly open: (account: string) => Promise<void>
  readonly endSession: (browser: Browser) => Promise<void>
  readonly sessions: Sessions
}

export type ServingOptions = {
  /** What a UI server answers; upgrades by `upgrade`. */
  readonly answer?: RequestListener
  readonly upgrade?: (request: IncomingMessage, socket: import('node:stream').Duplex, head: Buffer) => void
  readonly permissions?: PermissionSnapshot
  readonly refreshMs?: number
  readonly openMs?: number
  readonly pollMs?: number
  readonly startTimeoutMs?: number
  /** Events that cannot be recorded. */
  readonly unwritable?: (event: AuditEvent) => boolean
}

export const defaultPermissions = snapshotOf({
  roles: { admin: ['user:admin'], auditor: [], developer: ['group:oidc/ops'] },
  accounts: {
    atmosphere_stage: {
      owners: ['user:owner'],
      cli: 'refuse',
      workflows: {
        secret: { rules: { read: ['owner'] }, source: { file: 'secret.yaml', lines: { read: 3 } } },
      },
    },
    oceans_stage: {
      owners: [],
      cli: 'refuse',
      layer: { rules: { read: ['user:mel'] }, source: { file: 'oceans.yaml', lines: { read: 2 } } },
      workflows: {},
    },
  },
})

/** For what a test does itself, beside the front door. */
export const nobody: Viewer = {
  kind: 'person',
  session: 'test',
  person: 'test',
  name: 'test',
  groups: [],
  elevation: null,
  accounts: null,
  address: '127.0.0.1',
}

export const startServing = async (t: TestContext, options: ServingOptions = {}): Promise<Serving> => {
  const dir = await temporaryDirectory(t)
  const now = Date.now
  const log = createLog({ logLevel: 'silent', name: 'test' })
  const feed = await siteFeed(t, dir)
  for (const account of ['atmosphere_stage', 'oceans_stage'])
    await feed.put('account', account, accountRow(account))
  for (const workflow of ['clouds', 'winds', 'secret'])
    await feed.put('summary', `atmosphere_stage/${workflow}`, summaryRow('atmosphere_stage', workflow))
  await feed.put('summary', 'oceans_stage/waves', summaryRow('oceans_stage', 'waves'))
  await feed.permissions({ ...(options.permissions ?? defaultPermissions), at: now() })
  await feed.heartbeat(now())

  const store = await openStore(':memory:')
  const chain = await openAudit({ dir: join(dir, 'audit'), writer: 'hub/test', wall: now, log })
  const audit: typeof chain = {
    ...chain,
    record: async (entry) => {
      if (options.unwritable?.(entry.event) === true) throw new SeneschalError('audit.unwritable')
      return chain.record(entry)
    },
  }
  const site = createSite({
    daemons: [{ name: 'daemon', follow: localFeed(feed.dir, 50) }],
    now,
    log,
    ingestAudit: audit.ingest,
  })
  await site.ready
  await until(() => site.view.summary('oceans_stage', 'waves') !== undefined)
  const signer = await createSigner({
    keys: join(dir, 'keys'),
    issuer: origin,
    name: 'hub',
    siteOf: () => 'test',
    vouched: createVouched(site.policy),
    now,
    wall: now,
  })
  const serve = (): Server => {
    const server = createServer(options.answer ?? ((_request, response) => response.writeHead(404).end()))
    if (options.upgrade !== undefined) server.on('upgrade', options.upgrade)
    return server
  }
  const spawner = await inProcessSpawner(t, serve)
  let instances = 0
  const servers = createServers({
    spawner: () => spawner,
    store: createServerStore(store.db),
    signer,
    issuer: origin,
    audit,
    now,
    log,
    directories: (account) => siteDirectories(dir, account),
    idleMinutes: 20,
    pollMs: options.pollMs ?? 10_000,
    ...(options.startTimeoutMs === undefined ? {} : { startTimeoutMs: options.startTimeoutMs }),
    instanceId: () => String(++instances).padStart(32, '0'),
  })
  const sessions = createSessions({ db: store.db, seal: createSeal(randomBytes(32)), now })
  const kiosks = createKiosks({ db: store.db, now })
  const live = createLiveSockets()
  const upstream = createUpstream({ servers })
  const { view, policy } = site
  const gate = createGate({
    origin,
    sessions,
    kiosks,
    tokens: createScriptTokens({ db: store.db, groupsMaxAge: 60_000, now }),
    tokenUse: createTokenUse({ db: store.db, audit, perMinute: 600, now, log }),
    groups: createGroups({ sources: [], now, log }),
    providerGroups: { of: async ({ groups }) => groups },
    policy,
    site: view,
    allowAccountNames: [],
    now,
    audit,
    addressOf: createAddressOf([]),
    log,
  })
  const wall = createWall({
    site: view,
    policy,
    servers,
    audit,
    current: gate.current,
    now,
    log,
    epoch: 'e1',
    gatherMs: 10,
  })
  const app = Fastify({ loggerInstance: log })
  answerErrors(app)
  gate.guard(app)
  const underU = createProxyUpgrade({
    gate,
    site: view,
    policy,
    servers,
    signer,
    live,
    log,
    ...(options.refreshMs === undefined ? {} : { refreshMs: options.refreshMs }),
    ...(options.openMs === undefined ? {} : { openMs: options.openMs }),
  })
  await registerSockets(app, { underU, live })
  const parts = { gate, site: view, policy, servers, signer, audit, upstream, live, wall, now }
  const granted = createGranted({ audit, now })
  await app.register(accountsRoutes(parts))
  await app.register(
    serverRoutes({ ...parts, ...(options.refreshMs === undefined ? {} : { pingEvery: options.refreshMs }) }),
  )
  await app.register(actionsRoutes({ ...parts, newId: randomUUIDv7, perMinute: 10_000 }))
  await app.register(requestsRoutes({ ...parts, granted }))
  await app.register(proxyRoutes(parts))
  await app.register(wallRoutes(parts))
  const groupsOf = async (person: string) => (await sessions.latestOf(person))?.groups
  await app.register(explainRoutes({ ...parts, groupsOf }))
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  t.after(async () => {
    wall.close()
    await app.close()
    await upstream.close()
    await servers.close()
    await site.close()
    await audit.close()
    await store.close()
  })

  const browserFor = (session: Session | undefined, cookie: string): Browser => {
    const headers = { cookie, host: 'hub.test' }
    return {
      session,
      headers,
      get: (path, more = {}) => send(port, 'GET', path, { ...headers, ...more }),
      send: (method, path, body, more = {}) => {
        const text = body === undefined ? undefined : JSON.stringify(body)
        const typed = text === undefined ? {} : { 'content-type': 'application/json' }
        return send(
          port,
          method,
          path,
          { ...headers, origin, 'x-csrf-token': session?.csrf ?? '', ...typed, ...more },
          text,
        )
      },
      socket: (path, more = {}) => listen(`ws://127.0.0.1:${port}${path}`, { ...headers, origin, ...more }),
    }
  }
  const signIn = async (person: string, groups: readonly string[] = []): Promise<Browser> => {
    const { session, cookie } = await sessions.create({
      person,
      displayName: person,
      issuer: 'https://provider.test',
      subject: person,
      groups,
      expiresAt: now() + 3_600_000,
      idToken: null,
      providerSid: null,
      tokens: {},
    })
    return browserFor(session, `${sessionCookie}=${cookie}`)
  }
  const raise = async (browser: Browser, to: ElevationClass): Promise<Browser> => {
    const { name = '', groups = [] } = browser.session ?? {}
    const until = now() + 900_000
    const cookie = await sessions.raise(name, {
      class: to,
      until,
      reason: null,
      groups,
      providerSid: null,
      idToken: '',
      tokens: {},
    })
    const raised = await sessions.byName(name)
    if (cookie === undefined || raised === undefined) throw new Error('the session ended')
    return browserFor(raised, `${sessionCookie}=${cookie}`)
  }

  return {
    url,
    port,
    feed,
    spawner,
    servers,
    audit,
    live,
    verifier: createVerifier({ jwks: { keys: signer.jwks().keys as never }, issuer: origin, now }),
    signIn,
    raise,
    kiosk: async (accounts) => {
      const id = newKioskId()
      const expiresAt = now() + 24 * 3_600_000
      const { code } = await kiosks.create({ id, name: 'wall', accounts, createdBy: 'admin', expiresAt })
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
      await kiosks.enrol({ code, key: { kty: 'EC', crv: 'P-256', x, y } }, async () => undefined)
      const nonce = await kiosks.nonce(id)
      const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const
      const signature = sign('sha256', Buffer.from(nonce), key).toString('base64url')
      return browserFor(undefined, `${kioskCookie}=${await kiosks.open({ kiosk: id, nonce, signature })}`)
    },
    open: (account) => servers.ensure(account, nobody),
    sessions,
    endSession: async ({ session }) => {
      const name = session?.name ?? ''
      await sessions.end({ name })
      live.close((socket) => socket.session === name, closeCodes.sessionEnded)
    },
  }
}
