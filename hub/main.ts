/** Puts a hub together from its configuration. */
import { randomBytes, randomUUIDv7 } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { milliseconds, readSecret } from '../config/schemas.ts'
import { startOutlets } from '../durable/audit-outlets.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { version } from '../protocol/version.ts'
import type { Spawner } from '../spawners/contract.ts'
import { openSink } from '../wire/sinks.ts'
import type { Transport } from '../wire/transport.ts'
import { createAddressOf } from './address.ts'
import { createApp } from './app.ts'
import { openAudit } from './audit.ts'
import { createAttempts } from './auth/attempts.ts'
import { createDevices } from './auth/device.ts'
import { createKiosks } from './auth/kiosks.ts'
import { createOidc } from './auth/oidc.ts'
import { createPersons } from './auth/persons.ts'
import { createProviderGroups } from './auth/provider-groups.ts'
import { openSeal } from './auth/seal.ts'
import { createSessions } from './auth/sessions.ts'
import { farewell } from './auth/sign-out.ts'
import { createTokenUse } from './auth/token-use.ts'
import { createScriptTokens } from './auth/tokens.ts'
import { clockMark, createUpkeep, type Upkeep } from './auth/upkeep.ts'
import { restoredMark } from './backup.ts'
import { createBreakGlass } from './break-glass/door.ts'
import { createClock } from './clock.ts'
import type { HubConfig } from './config.ts'
import type { Log } from './context.ts'
import { type DaemonConfig, daemonOf, type SshFeed } from './daemons/config.ts'
import { feedOf } from './daemons/feeds.ts'
import { createGate, type GuardedRoute } from './gate/gate.ts'
import { createGranted } from './granted.ts'
import { createGroups } from './groups.ts'
import { createKnownPersons } from './known-persons.ts'
import { createLdapGroups } from './ldap-groups.ts'
import { createLiveSockets } from './live.ts'
import { watchHostLocks } from './locks/hosts.ts'
import { createLocks } from './locks/keeper.ts'
import { createLockOrders } from './locks/orders.ts'
import { orderTarget } from './locks/targets.ts'
import { createLog } from './log.ts'
import { createProxyUpgrade } from './proxy/upgrade.ts'
import { createUpstream } from './proxy/upstream.ts'
import { accountsRoutes } from './routes/accounts.ts'
import { actionsRoutes } from './routes/actions.ts'
import { adminRoutes } from './routes/admin.ts'
import { auditRoutes } from './routes/audit.ts'
import { authRoutes } from './routes/auth.ts'
import { breakGlassRoutes } from './routes/break-glass.ts'
import { deviceRoutes } from './routes/device.ts'
import { explainRoutes } from './routes/explain.ts'
import { fleetRoutes } from './routes/fleet.ts'
import { kioskRoutes } from './routes/kiosk.ts'
import { locksRoutes } from './routes/locks.ts'
import { metricsRoutes } from './routes/metrics.ts'
import { operationsRoutes } from './routes/operations.ts'
import { pageRoutes } from './routes/pages.ts'
import { permissionsRoutes } from './routes/permissions.ts'
import { proxyRoutes } from './routes/proxy.ts'
import { requestsRoutes } from './routes/requests.ts'
import { serverRoutes } from './routes/server.ts'
import { sessionRoutes } from './routes/session.ts'
import { sessionsRoutes } from './routes/sessions.ts'
import { tokensRoutes } from './routes/tokens.ts'
import { wallRoutes } from './routes/wall.ts'
import { createCondemned } from './servers/condemned.ts'
import { siteDirectories } from './servers/directories.ts'
import { createHostHistory } from './servers/host-history.ts'
import { createMigrations } from './servers/migrations.ts'
import { createServers } from './servers/servers.ts'
import { createSigner } from './signer.ts'
import { createSite } from './site.ts'
import { openStore, type Store } from './store/open.ts'
import { createServerStore } from './store/servers.ts'
import { unixGroupsById } from './unix-groups.ts'
import { createVouched } from './vouched.ts'
import { createWall } from './wall/wall.ts'

export type HubDeps = {
  /** The spawner that serves an account, made from `config.spawner` by the program that starts the hub. */
  readonly spawner: (account: string) => Spawner
  /** The way to the daemons whose feeds are not mounted here. */
  readonly feedTransport: (to: SshFeed) => Transport
  /** In [0, 1): spreads tries. */
  readonly random: () => number
  /** Wall clock, epoch ms. */
  readonly now: () => number
  /** Never set, only runs on, ms. */
  readonly monotonic: () => number
  /** One line of JSON per log record; standard output unless told otherwise. */
  readonly logTo?: { readonly write: (line: string) => void }
  /** How the identity provider is asked. */
  readonly fetch?: typeof globalThis.fetch
}

export type Hub = {
  readonly listen: () => Promise<{ readonly url: string }>
  /** The HTTP side, and every route that it has. */
  readonly app: FastifyInstance
  readonly routes: () => readonly GuardedRoute[]
  /** What time does to sessions, once. */
  readonly tick: Upkeep['tick']
  readonly close: () => Promise<void>
}

const openClock = async (store: Store, deps: HubDeps, onStepBack: (by: number) => void) => {
  const stored = await store.db
    .selectFrom('meta')
    .select('value')
    .where('key', '=', clockMark)
    .executeTakeFirst()
  return createClock({
    wall: deps.now,
    monotonic: deps.monotonic,
    mark: Number(stored?.value ?? 0),
    onStepBack,
  })
}

/** The daemon that serves an account; nobody can ask for one that none serves. */
const mustServe = ({ daemons }: HubConfig, account: string): DaemonConfig => {
  const daemon = daemonOf(daemons, account)
  if (daemon === undefined) throw new SeneschalError('account.unknown')
  return daemon
}

/** Closes what it was given in the reverse order, also where only half a hub came to be. */
type Closing = Pick<AsyncDisposableStack, 'defer'>

const openRecords = async (config: HubConfig, deps: HubDeps, log: Log, closing: Closing) => {
  const store = await openStore(config.database)
  closing.defer(() => store.close())
  const writer = `hub/${config.name}`
  const audit = await openAudit({ dir: config.audit, writer, wall: deps.now, log })
  closing.defer(() => audit.close())
  return { store, audit }
}

const build = async (config: HubConfig, deps: HubDeps, closing: Closing): Promise<Omit<Hub, 'close'>> => {
  const log = createLog(config, deps.logTo)
  const { store, audit } = await openRecords(config, deps, log, closing)
  const { db } = store
  const { publicUrl } = config

  let upkeep: Upkeep | undefined
  let stepBack: number | undefined
  const clock = await openClock(store, deps, (by) => {
    if (upkeep === undefined) stepBack = by
    else upkeep.distrustClock(by)
  })
  const { now } = clock
  const live = createLiveSockets()
  const addressOf = createAddressOf(config.trustedProxies, (address) =>
    log.warn({ address }, 'X-Forwarded-For from an address that is not among trustedProxies is not believed'),
  )
  const ldap = config.ldapGroups === undefined ? undefined : createLdapGroups(config.ldapGroups)
  if (ldap !== undefined) closing.defer(ldap.close)
  const groups = createGroups({
    sources: [
      ...(config.unixGroups ? [{ name: 'unix' as const, ask: unixGroupsById }] : []),
      ...(ldap === undefined ? [] : [{ name: 'ldap' as const, ask: ldap.of }]),
    ],
    now,
    log,
  })
  const locks = await createLocks({ db, now, log })
  const site = createSite({
    locks,
    groupSources: [
      'oidc',
      ...(config.unixGroups ? ['unix'] : []),
      ...(config.ldapGroups === undefined ? [] : ['ldap']),
    ],
    daemons: config.daemons.map((daemon) => ({
      name: daemon.name,
      accounts: daemon.accounts,
      follow: feedOf(daemon, {
        transport: deps.feedTransport,
        random: deps.random,
        kept: join(dirname(config.database), 'feeds'),
        knowsRecords: (name) => audit.knows(`daemon/${name}`),
        warn: (context, message) => log.warn(context, message),
      }),
    })),
    // The daemon's times are compared, so this host's own clock counts.
    now: deps.now,
    log,
    ingestAudit: audit.ingest,
  })
  const { view, policy } = site
  closing.defer(() => site.close())
  const signer = await createSigner({
    keys: config.keys,
    issuer: publicUrl,
    name: config.name,
    siteOf: (account) => mustServe(config, account).site ?? config.site,
    vouched: createVouched(policy),
    now,
    wall: deps.now,
  })

  const writer = `hub/${config.name}`
  const outlets = startOutlets({
    ...{ sinks: config.auditSinks, openSink, sign: signer.checkpoint, dir: config.audit, writer },
    ...{ site: config.site, host: hostname(), now: deps.now },
    checkpointEveryMs: milliseconds(config.checkpointEvery),
    head: () => audit.head().slice(writer.length + 1),
    onProblem: (sink, err) =>
      err === null
        ? log.info({ sink }, 'the audit log goes out again')
        : log.error({ sink, err }, 'the audit log does not go out; what waits goes later'),
  })
  closing.defer(outlets.close)
  audit.onRecord((record) => {
    if (record.writer === writer) outlets.noted(record)
  })

  const sessions = createSessions({ db, seal: await openSeal(config.keys), now })
  const kiosks = createKiosks({ db, now })
  const groupsMaxAge = milliseconds(config.tokens.groupsMaxAge)
  const tokens = createScriptTokens({ db, groupsMaxAge, now })
  const tokenUse = createTokenUse({ db, audit, perMinute: config.tokens.perMinute, now, log })
  const attempts = createAttempts({ db, now })
  const oidc = createOidc({
    config,
    secret: readSecret(config.provider.clientSecret),
    fetch: deps.fetch ?? globalThis.fetch,
    wall: deps.now,
  })
  const providerGroups = createProviderGroups({
    ...{ sessions, oidc, now, log },
    claim: config.provider.groupsClaim,
    maxAge: milliseconds(config.provider.groupsMaxAge),
    onEnded: (ended) =>
      farewell({ audit, live, log }, ended, { event: 'session.ended', tail: 'by the identity provider' }),
  })
  const { allowAccountNames } = config.persons
  const gate = createGate({
    ...{
      origin: publicUrl,
      sessions,
      kiosks,
      tokens,
      tokenUse,
      groups,
      providerGroups,
      policy,
      site: view,
      now,
    },
    ...{ allowAccountNames, audit, addressOf, log },
  })
  const auth = {
    ...{ config, db, sessions, attempts, oidc, audit, live, now, log, policy, allowAccountNames },
    persons: createPersons({ db, now }),
    site: view,
  }
  const breakGlass = createBreakGlass({ ...auth, keys: config.keys, hub: publicUrl, groups })
  const devices = createDevices({ oidc, now })
  closing.defer(devices.close)
  upkeep = createUpkeep({ ...auth, kiosks, tokens, tokenUse, breakGlass, checkClock: clock.check })
  closing.defer(upkeep.close)
  if (stepBack !== undefined) upkeep.distrustClock(stepBack)

  const servers = createServers({
    spawner: deps.spawner,
    store: createServerStore(db),
    signer,
    issuer: publicUrl,
    audit,
    now,
    log,
    directories: (account) => siteDirectories(mustServe(config, account).directory, account),
    idleMinutes: milliseconds(config.servers.idle) / 60_000,
    startTimeoutMs: milliseconds(config.servers.startTimeout),
    starts: { atOnce: config.servers.startsAtOnce, perPerson: config.servers.startsPerPerson },
    isLocked: (host) => policy.snapshot()?.locks.hosts.includes(host) === true,
    instanceId: () => randomBytes(16).toString('hex'),
  })
  const spawners = () => [...new Set(view.accounts().map(({ account }) => deps.spawner(account)))]
  const condemned = await createCondemned({ db, now, log })
  closing.defer(condemned.close)
  const history = createHostHistory({ spawners, servers, now, log })
  closing.defer(history.close)
  closing.defer(watchHostLocks({ policy, servers, live, condemned, spawners }))
  closing.defer(() => servers.close())
  const orders = createLockOrders({
    locks,
    targets: config.daemons.map((daemon) =>
      orderTarget(daemon, {
        site: daemon.site ?? config.site,
        issuer: publicUrl,
        policy,
        isSilent: site.isSilent,
        transport: deps.feedTransport,
      }),
    ),
    sign: signer.lockOrder,
    now,
    log,
  })
  closing.defer(orders.close)
  const upstream = createUpstream({ servers })
  closing.defer(() => upstream.close())
  const granted = createGranted({ audit, now })
  const epoch = randomBytes(8).toString('hex')
  const wall = createWall({ site: view, policy, servers, audit, current: gate.current, now, log, epoch })
  closing.defer(() => wall.close())

  const perMinute = config.signInsPerMinute
  const shared = { gate, site: view, policy, servers, audit, live }
  const app = await createApp({
    ...{ gate, publicUrl, addressOf, log, live },
    underU: createProxyUpgrade({ ...shared, signer, log }),
    routes: [
      authRoutes({ ...auth, gate, addressOf, perMinute }),
      deviceRoutes({ ...auth, gate, addressOf, perMinute, devices, commandLine: config.commandLine }),
      breakGlassRoutes({ breakGlass, sessions, live, addressOf, perMinute, now }),
      sessionRoutes({ gate, sessions, tokens, breakGlass, policy, config, now }),
      sessionsRoutes({ gate, sessions, audit, live, now, log }),
      tokensRoutes({ ...shared, tokens, allowAccountNames, config: config.tokens, now }),
      kioskRoutes({ kiosks, audit, addressOf, perMinute }),
      adminRoutes({ gate, kiosks, audit, live, config: config.kiosks, now }),
      fleetRoutes({
        ...{ ...shared, condemned, history, now },
        migrations: createMigrations({ servers, log }),
        hosts: () => spawners().flatMap((spawner) => spawner.hosts?.() ?? []),
      }),
      locksRoutes({ gate, locks, orders, policy, audit, now }),
      auditRoutes({ ...shared, now: deps.monotonic }),
      accountsRoutes(shared),
      serverRoutes(shared),
      actionsRoutes({
        ...shared,
        ...{ signer, upstream, newId: randomUUIDv7, perMinute: config.actionsPerMinute },
      }),
      requestsRoutes({ ...shared, granted }),
      proxyRoutes({ ...shared, signer, upstream, now }),
      wallRoutes({ gate, wall, live }),
      explainRoutes({
        ...shared,
        groupsOf: async (person) => {
          const session = await sessions.latestOf(person)
          return session === undefined ? undefined : groups.of(person, session.groups)
        },
      }),
      permissionsRoutes({ ...shared, persons: createKnownPersons({ db, groups }) }),
      metricsRoutes({ ...shared, addressOf }),
      operationsRoutes({ db, policy, signer, title: config.title }),
      ...(config.webDir === undefined ? [] : [pageRoutes({ webDir: config.webDir })]),
    ],
  })

  let listening = false
  closing.defer(async () => {
    await app.close()
    if (!listening) return
    // A stop that cannot be recorded is still a stop.
    await audit
      .record({ event: 'hub.stopped', outcome: 'done', tail: config.name })
      .catch((err: unknown) => log.error({ err }, 'the stop of the hub was not recorded'))
  })

  return {
    app,
    routes: gate.routes,
    tick: upkeep.tick,
    listen: async () => {
      await site.ready
      await servers.recover()
      // A browser that aborts leaves connections to be accepted; when the queue is full, everybody else's are dropped
      // and come again after seconds. The kernel has its own ceiling.
      await app.listen({ host: config.listen.host, port: config.listen.port, backlog: 4096 })
      const { port } = app.server.address() as AddressInfo
      listening = true
      const restored = await db
        .deleteFrom('meta')
        .where('key', '=', restoredMark)
        .returning('value')
        .executeTakeFirst()
      if (restored !== undefined)
        await audit.record({ event: 'hub.restored', outcome: 'done', tail: config.name })
      await audit.record({ event: 'hub.started', outcome: 'done', tail: `${config.name} ${version}` })
      log.info({ version, port, publicUrl }, 'hub is listening')
      return { url: publicUrl }
    },
  }
}

export const createHub = async (config: HubConfig, deps: HubDeps): Promise<Hub> => {
  await using closing = new AsyncDisposableStack()
  const hub = await build(config, deps, closing)
  const owned = closing.move()
  return { ...hub, close: () => owned.disposeAsync() }
}
