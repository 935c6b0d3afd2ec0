/**
 * A hub with hosts of their own and real accounts, whose servers it starts over SSH: the product on both sides. What
 * its servers show is as little as may be; this is about where they run, and whether they do.
 */
import assert from 'node:assert/strict'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { openFeedWriter } from '../../durable/feed-writer.ts'
import { ensureDir, writeFileAtomic } from '../../durable/files.ts'
import { accountsBody } from '../../protocol/api.ts'
import type { PermissionSnapshot } from '../../protocol/permissions.ts'
import type { ServerRow } from '../../protocol/rows.ts'
import type { SpawnerConfig } from '../../spawners/registry.ts'
import { type FarSide, installFarSide } from './far-side.ts'
import { startHosts, type TestHosts } from './hosts.ts'
import type { Listening } from './http.ts'
import { startTestHub, type TestHub } from './hub.ts'
import { permissions } from './hub-site.ts'
import { snapshotOf } from './site-feed.ts'
import { newKeyPair } from './sshd.ts'
import { put, workflowRow } from './ui-server.ts'
import { uniqueAccount } from './unix-accounts.ts'
import { until } from './until.ts'
import type { Visitor } from './visitor.ts'

type SshConfig = Extract<SpawnerConfig, { readonly kind: 'ssh' }>

export type FleetGround<Config extends SpawnerConfig = SshConfig> = {
  readonly far: FarSide
  readonly hosts: TestHosts
  readonly accounts: readonly string[]
  /** For the hub: its directory must be one that the accounts can read. */
  readonly dir: string
  readonly spawner: Config
  readonly permissions: PermissionSnapshot
}

export type GroundOptions = {
  readonly hosts: readonly string[]
  readonly accounts: number
  /** What is special about one account: its shell, and what runs in place of the agent's command. */
  readonly account?: (
    index: number,
    command: string,
    far: FarSide,
  ) => { readonly shell?: string; readonly command?: string } | undefined
  /** Laid over the spawner's options. */
  readonly spawner?: Partial<SshConfig>
  readonly sshd?: readonly string[]
}

/** Everybody may read what there is; one workflow each. */
const writeFeeds = async (site: string, accounts: readonly string[], snapshot: PermissionSnapshot) => {
  for (const name of ['0_temp', '1_inbox']) await ensureDir(join(site, 'requests', name), { mode: 0o3777 })
  for (const account of accounts) {
    const dir = join(site, 'feed', account)
    const writer = await openFeedWriter({ dir, dirMode: 0o755, fileMode: 0o644 })
    writer.append({ journal: 1, at: 1, put: [put('workflow', 'clouds', workflowRow('clouds'))], drop: [] })
    await writer.close()
    await writeFileAtomic(join(dir, 'permissions.json'), JSON.stringify(snapshot), { mode: 0o644 })
  }
}

/** Hosts, accounts with a key of the hub's, and the files that their servers read. */
export const prepareFleet = async (
  t: Pick<TestContext, 'after'>,
  options: GroundOptions,
): Promise<FleetGround> => {
  const far = await installFarSide('product')
  const key = newKeyPair()
  const accounts = Array.from({ length: options.accounts }, uniqueAccount)
  const keyFile = join(far.dir, 'hub-key')
  await writeFile(keyFile, key.privateKey, { mode: 0o600 })
  const hosts = await startHosts({
    dir: far.dir,
    names: options.hosts,
    accounts: accounts.map((name, index) => {
      const { command = far.command('hub'), ...special } =
        options.account?.(index, far.command('hub'), far) ?? {}
      return { name, keys: [{ publicKey: key.publicKey, command }], ...special }
    }),
    ...(options.sshd === undefined ? {} : { config: options.sshd }),
  })
  t.after(async () => {
    await hosts.stop()
    await far.remove()
  })
  const dir = join(far.dir, 'hub')
  const site = join(dir, 'site')
  await mkdir(site, { recursive: true })
  for (const path of [dir, site]) await chmod(path, 0o755)
  const snapshot = permissions({
    accounts: {
      ...permissions().accounts,
      ...snapshotOf({
        accounts: Object.fromEntries(
          accounts.map((name) => [name, { owners: [], cli: 'refuse' as const, workflows: {} }]),
        ),
      }).accounts,
    },
  })
  await writeFeeds(site, accounts, snapshot)
  return {
    ...{ far, hosts, accounts, dir, permissions: snapshot },
    spawner: {
      kind: 'ssh',
      keyFile,
      hosts: hosts.hosts.map(({ name, address, port, hostKey }) => ({
        ...{ name, address, port },
        hostKeys: [hostKey],
      })),
      ...options.spawner,
    },
  }
}

/** What somebody sees of an account's server. */
export const serverOf = async (visitor: Visitor, account: string): Promise<ServerRow> => {
  const { status, text, body } = await visitor.ask('GET', '/api/accounts')
  assert.equal(status, 200, text)
  const found = accountsBody.parse(body).accounts.find((one) => one.account.account === account)
  assert.ok(found !== undefined, `${account} is not seen`)
  return found.server
}

/** Asks for an account's server and waits until it is on, or has failed; looks again every so many ms. */
export const openServer = async (
  visitor: Visitor,
  account: string,
  within = 30_000,
  every = 0,
): Promise<ServerRow> => {
  const { status, text } = await visitor.change('POST', `/api/accounts/${account}/server`)
  assert.equal(status, 202, text)
  let found = await serverOf(visitor, account)
  await until(async () => {
    await sleep(every)
    found = await serverOf(visitor, account)
    return found.state === 'on' || found.state === 'failed'
  }, within)
  return found
}

/** The hosts of every UI server of the account that there is. */
export const serversOf = async (hosts: TestHosts, account: string): Promise<readonly string[]> => {
  const found = await Promise.all(
    // One without power has none.
    hosts.hosts.map(async ({ name, servers }) => (await servers(account).catch(() => [])).map(() => name)),
  )
  return found.flat()
}

export type Fleet<Config extends SpawnerConfig = SshConfig> = FleetGround<Config> & {
  readonly hub: TestHub
  readonly open: typeof openServer
  readonly row: typeof serverOf
  /** A page of the account that stays open: comes back by itself until it is closed. */
  readonly look: (visitor: Visitor, account: string) => Promise<Looking>
  /** Every UI server of the account there is, by host. */
  readonly servers: (account: string) => Promise<readonly string[]>
}

export type Looking = {
  /** Resolves when its socket is open, and the server answers what the page asks besides. */
  readonly isLive: (within?: number) => Promise<void>
  readonly close: () => void
}

/** As pages do, ms. */
const comesBack = 500

const lookAt = async (visitor: Visitor, account: string): Promise<Looking> => {
  let isClosed = false
  let open: Listening | undefined
  const stay = async (): Promise<void> => {
    while (!isClosed) {
      open = await visitor.socket(`/u/${account}/stream`).catch(() => undefined)
      if (open !== undefined) {
        await open.closed
        open = undefined
      }
      await sleep(comesBack)
    }
  }
  const staying = stay()
  return {
    isLive: (within = 30_000) =>
      until(async () => {
        if (open?.socket.readyState !== WebSocket.OPEN) return false
        return (await visitor.ask('GET', `/u/${account}/workflows`)).status === 200
      }, within),
    close: () => {
      isClosed = true
      open?.socket.terminate()
      staying.catch(() => undefined)
    },
  }
}

type HubOptions = Pick<NonNullable<Parameters<typeof startTestHub>[1]>, 'at' | 'config'>

export const startFleet = async (
  t: Pick<TestContext, 'after'>,
  options: GroundOptions & HubOptions,
): Promise<Fleet> => fleetOn(t, await prepareFleet(t, options), options)

/** On ground that is prepared. */
export const fleetOn = async <Config extends SpawnerConfig>(
  t: Pick<TestContext, 'after'>,
  ground: FleetGround<Config>,
  options: HubOptions = {},
): Promise<Fleet<Config>> => {
  const hub = await startTestHub(t, {
    ...{ dir: ground.dir, accounts: ground.accounts, permissions: ground.permissions },
    ...(options.at === undefined ? {} : { at: options.at }),
    startsBy: 'configuration',
    config: { spawner: ground.spawner, ...options.config },
  })
  // The daemon lives, as far as anybody can see.
  const beat = () => hub.feed.heartbeat(Date.now()).catch(() => undefined)
  const beating = setInterval(() => void beat(), 2000)
  t.after(() => clearInterval(beating))
  return {
    ...ground,
    hub,
    row: serverOf,
    look: async (visitor, account) => {
      const looking = await lookAt(visitor, account)
      t.after(looking.close)
      await looking.isLive()
      return looking
    },
    servers: (account) => serversOf(ground.hosts, account),
    open: openServer,
  }
}
