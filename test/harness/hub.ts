/**
 * A whole hub on loopback with a real identity provider and the files of a daemon; time can be moved. Its UI servers
 * take whatever they are handed.
 */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import { readChain } from '../../durable/chain-verify.ts'
import type { HubConfig } from '../../hub/config.ts'
import { createHub, type Hub } from '../../hub/main.ts'
import { type SessionBody, sessionBody } from '../../protocol/api.ts'
import type { AuditEvent, AuditRecord } from '../../protocol/audit.ts'
import type { ElevationClass, PermissionSnapshot } from '../../protocol/permissions.ts'
import { openSpawner } from '../../spawners/registry.ts'
import { type HubSiteOptions, origin, permissions, prepareHubSite } from './hub-site.ts'
import { type InProcessSpawner, inProcessSpawner } from './in-process-spawner.ts'
import type { LyingProvider } from './provider.ts'
import type { SiteFeed } from './site-feed.ts'
import { createVisitor, type Page, type Visitor } from './visitor.ts'

export { origin, permissions }

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

type Options = HubSiteOptions & {
  /** How the hub asks the provider. */
  readonly fetch?: typeof globalThis.fetch
  /** What UI servers answer; upgrades by `upgrade`. */
  readonly answer?: RequestListener
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** Real servers, by the spawner of the configuration, in place of those of this process. */
  readonly startsBy?: 'configuration'
}

export const startTestHub = async (
  t: Pick<TestContext, 'after'>,
  options: Options = {},
): Promise<TestHub> => {
  const { provider, feed, dir, config, home, listens } = await prepareHubSite(t, options)
  const spawner = await inProcessSpawner(t, () => {
    const server = createServer(options.answer ?? ((_request, response) => response.writeHead(202).end()))
    if (options.upgrade !== undefined) server.on('upgrade', options.upgrade)
    return server
  })
  const lines: string[] = []
  const logTo = { write: (line: string) => void lines.push(line) }
  const real =
    options.startsBy !== 'configuration'
      ? undefined
      : await openSpawner(config.spawner, {
          ...{ now: Date.now, random: Math.random, env: process.env, entry: '' },
          warn: (message, context) => logTo.write(`${JSON.stringify({ msg: message, ...context })}\n`),
        })
  let skew = 0
  const hub = await createHub(config, {
    spawner: () => real ?? spawner,
    feedTransport: () => {
      throw new Error('this hub mounts its feed')
    },
    random: Math.random,
    now: () => Date.now() + skew,
    monotonic: () => performance.now(),
    ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
    logTo,
  })
  t.after(async () => {
    await hub.close()
    await real?.close()
  })
  await hub.listen()
  const { port } = hub.app.server.address() as AddressInfo
  listens(port)

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
