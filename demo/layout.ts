/** Where things of a demonstration lie, and the configurations that say so to its parts. */
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { DaemonConfig } from '../daemon/config.ts'
import type { HubConfig } from '../hub/config.ts'
import type { SpawnerConfig } from '../spawners/registry.ts'
import { installDefinitions, siteSource } from './definitions.ts'

export type Layout = {
  readonly dir: string
  readonly etc: string
  readonly hubConfig: string
  readonly daemonConfig: string
  readonly siteFile: string
  readonly definitions: string
  /** The daemon's root: requests, state, audit, feed. */
  readonly site: string
  readonly hub: string
  /** The hub's public keys as the hub publishes them, and as the administrator pins them for the daemon. */
  readonly hubKeys: string
  readonly pinnedKeys: string
  readonly clientSecret: string
  readonly homes: string
  readonly logs: string
}

export const layoutAt = (dir: string): Layout => ({
  dir,
  etc: join(dir, 'etc'),
  hubConfig: join(dir, 'etc/hub.yaml'),
  daemonConfig: join(dir, 'etc/daemon.yaml'),
  siteFile: join(dir, 'etc/site.yaml'),
  definitions: join(dir, 'definitions'),
  site: join(dir, 'site'),
  hub: join(dir, 'hub'),
  hubKeys: join(dir, 'hub/keys/jwks.json'),
  pinnedKeys: join(dir, 'etc/hub-jwks.json'),
  clientSecret: join(dir, 'hub/client-secret'),
  homes: join(dir, 'home'),
  logs: join(dir, 'log'),
})

export type Addresses = { readonly hub: string; readonly provider: string; readonly port: number }

/** The hub answers to a name and the provider to a number, so that neither sees the other's cookies. */
export const addressesAt = (port: number): Addresses => ({
  hub: `http://localhost:${port}`,
  provider: `http://127.0.0.1:${port + 1}`,
  port,
})

const header = '# Written by `seneschal demo` at each start; changes here are lost.\n'

export const writeConfig = (file: string, value: unknown): void =>
  writeFileSync(file, header + stringify(value))

/** A random client secret, made once. */
export const ensureClientSecret = (file: string): void => {
  if (existsSync(file)) return
  writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600 })
}

type Input<T> = { readonly [K in keyof T]?: unknown }

export const hubConfigOf = (parts: {
  readonly layout: Layout
  readonly at: Addresses
  readonly title: string
  readonly spawner: SpawnerConfig
  readonly elevation: string
  readonly webDir: string
  readonly unixGroups: boolean
}): Input<HubConfig> => ({
  title: parts.title,
  site: 'demo',
  demo: true,
  listen: { host: '127.0.0.1', port: parts.at.port },
  publicUrl: parts.at.hub,
  provider: {
    issuer: parts.at.provider,
    clientId: 'seneschal',
    clientSecret: { file: parts.layout.clientSecret },
    unsafeAllowHttp: true,
  },
  elevation: { duration: parts.elevation },
  commandLine: { enabled: true },
  unixGroups: parts.unixGroups,
  database: join(parts.layout.hub, 'hub.sqlite'),
  keys: join(parts.layout.hub, 'keys'),
  audit: join(parts.layout.hub, 'audit'),
  daemons: [{ name: 'main', directory: parts.layout.site }],
  spawner: parts.spawner,
  webDir: parts.webDir,
})

export const daemonConfigOf = (parts: {
  readonly layout: Layout
  readonly at: Addresses
  readonly accounts: Input<DaemonConfig['accounts']>
  readonly unsafeSingleUser: boolean
  readonly hubGroup?: string
  readonly plugins?: Input<DaemonConfig['plugins']>
}): Input<DaemonConfig> => ({
  site: 'demo',
  root: parts.layout.site,
  definitions: parts.layout.definitions,
  siteFile: parts.layout.siteFile,
  hubKeys: parts.layout.pinnedKeys,
  issuer: parts.at.hub,
  accounts: parts.accounts,
  ...(parts.hubGroup === undefined ? {} : { hubGroup: parts.hubGroup }),
  ...(parts.plugins === undefined ? {} : { plugins: parts.plugins }),
  autoplay: true,
  // One directory holds all of a demonstration.
  unsafeSharedFilesystem: true,
  unsafeSingleUser: parts.unsafeSingleUser,
})

/** Belongs to whoever runs this: a copy would keep the owner that the file has in its place. */
const writeOwn = (path: string, content: Buffer): void => {
  rmSync(path, { force: true })
  writeFileSync(path, content, { mode: 0o644 })
  chmodSync(path, 0o644)
}

/** What an administrator does once by hand: the daemon believes these keys and no others. */
export const pinHubKeys = (layout: Layout): void => {
  writeOwn(layout.pinnedKeys, readFileSync(layout.hubKeys))
}

/** Directories and files that both kinds of demonstration have. */
export const prepare = (layout: Layout, now: number): void => {
  for (const path of [layout.dir, layout.etc, layout.homes, layout.logs])
    mkdirSync(path, { recursive: true, mode: 0o755 })
  for (const path of [layout.hub, join(layout.hub, 'keys')]) mkdirSync(path, { recursive: true, mode: 0o700 })
  installDefinitions(layout.definitions, now)
  if (!existsSync(layout.siteFile)) {
    writeOwn(layout.siteFile, readFileSync(join(siteSource, 'site.yaml')))
  }
  ensureClientSecret(layout.clientSecret)
}
