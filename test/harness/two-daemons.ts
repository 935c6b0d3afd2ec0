/**
 * A hub over two daemons, each with a site and an account of its own: `north`, whose feed the hub mounts, and `south`,
 * whose feed it asks for over a real sshd (mounted too where there can be none). Parts are processes of the product.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Child, startChild } from '../../demo/children.ts'
import {
  addressesAt,
  daemonConfigOf,
  hubConfigOf,
  layoutAt,
  pinHubKeys,
  prepare,
  writeConfig,
} from '../../demo/layout.ts'
import { endProcessesAt } from '../../demo/leftovers.ts'
import { plainEnvironment } from '../../demo/local.ts'
import { startSiteProvider } from '../../demo/site-provider.ts'
import { whenFile, whenReady } from '../../demo/wait.ts'
import { installFarSide } from './far-side.ts'
import { freePorts } from './site.ts'
import { canRunSshd, newKeyPair, type Sshd, startSshd } from './sshd.ts'
import { uniqueAccount } from './unix-accounts.ts'

const root = join(import.meta.dirname, '..', '..')
const agent = (role: 'hub' | 'daemon') => [
  process.execPath,
  join(root, 'dist/far/seneschal.mjs'),
  'agent',
  '--role',
  role,
]

export const daemons = { north: 'atmosphere_stage', south: 'oceans_stage' } as const
export type DaemonName = keyof typeof daemons
const names = Object.keys(daemons) as readonly DaemonName[]

export type TwoDaemons = {
  readonly url: string
  /** SIGKILL; it stays away until it is started. */
  readonly kill: (name: DaemonName) => void
  readonly start: (name: DaemonName) => void
  readonly stop: () => Promise<void>
}

/** Nothing that ends by itself, so that it looks the same however long a test takes. */
const definition = `schedule: { initial: 1, recurrence: P1, runahead: 1 }
graph: wait
tasks: { wait: { script: sleep 600 } }
`

const openRoad = async (
  dir: string,
): Promise<{ readonly sshd: Sshd; readonly feed: unknown; readonly group: string }> => {
  const { publicKey, privateKey } = newKeyPair()
  const username = uniqueAccount()
  const command = `${dir}/bin/node ${dir}/test/harness/agent-entry.ts agent --role feed --site ${dir}/site`
  const sshd = await startSshd({ dir, accounts: [{ name: username, keys: [{ publicKey, command }] }] })
  const keyFile = join(dir, 'feed-key')
  writeFileSync(keyFile, privateKey, { mode: 0o600 })
  const feed = { ssh: { host: '127.0.0.1', port: sshd.port, username, keyFile, hostKeys: [sshd.hostKey] } }
  const group = (await promisify(execFile)('id', ['-gn', username])).stdout.trim()
  return { sshd, feed, group }
}

export const startTwoDaemons = async (): Promise<TwoDaemons> => {
  const far = await installFarSide()
  const road = (await canRunSshd()) ? await openRoad(far.dir) : undefined
  const port = await freePorts()
  const at = addressesAt(port)
  const hub = layoutAt(join(far.dir, 'hub-host'))
  const homes = names.map((name) => join(hub.homes, daemons[name]))
  const definitions = join(far.dir, 'definitions')
  for (const name of names) {
    mkdirSync(join(definitions, daemons[name], 'calm'), { recursive: true })
    writeFileSync(join(definitions, daemons[name], 'calm/workflow.yaml'), definition)
  }
  prepare({ ...hub, definitions }, Date.now())
  for (const home of homes) mkdirSync(home, { recursive: true, mode: 0o700 })

  const sites = { north: join(far.dir, 'north'), south: join(far.dir, 'site') }
  writeConfig(hub.hubConfig, {
    ...hubConfigOf({
      layout: hub,
      at,
      title: 'Two daemons',
      spawner: { kind: 'local', homeRoot: hub.homes, command: agent('hub') },
      elevation: 'PT15M',
      webDir: join(root, 'dist/web'),
      unixGroups: false,
    }),
    daemons: names.map((name) => ({
      name,
      site: `demo.${name}`,
      directory: sites[name],
      accounts: [daemons[name]],
      ...(name === 'south' && road !== undefined ? { feed: road.feed } : {}),
    })),
  })
  for (const name of names)
    writeConfig(join(hub.etc, `${name}.yaml`), {
      ...daemonConfigOf({
        layout: { ...hub, site: sites[name], definitions },
        at,
        unsafeSingleUser: true,
        ...(name === 'south' && road !== undefined ? { hubGroup: road.group } : {}),
        accounts: {
          [daemons[name]]: {
            transport: {
              kind: 'local',
              command: agent('daemon'),
              env: { HOME: join(hub.homes, daemons[name]) },
            },
          },
        },
      }),
      name,
      site: `demo.${name}`,
    })

  const children = new Map<string, Child>()
  const start = (name: 'hub' | DaemonName): void => {
    const config = name === 'hub' ? hub.hubConfig : join(hub.etc, `${name}.yaml`)
    const command = name === 'hub' ? 'hub' : 'daemon'
    const child = startChild({
      name,
      command: process.execPath,
      args: [join(root, 'cli/main.ts'), command, '--config', config],
      env: plainEnvironment(),
      cwd: far.dir,
      logDir: hub.logs,
      say: () => undefined,
      // Whoever was killed stays away: these tests are about what is seen meanwhile.
      restartAfterMs: 3_600_000,
    })
    children.set(name, child)
  }
  const provider = await startSiteProvider(hub, at)
  const stop = async (): Promise<void> => {
    await Promise.all([...children.values()].map((child) => child.stop()))
    await provider.close()
    await endProcessesAt(homes)
    await road?.sshd.stop()
    await far.remove()
  }
  try {
    const patience = AbortSignal.timeout(90_000)
    start('hub')
    await whenFile(hub.hubKeys, join(hub.logs, 'hub.log'), patience)
    pinHubKeys(hub)
    for (const name of names) start(name)
    await whenReady(`${at.hub}/readyz`, join(hub.logs, 'hub.log'), patience)
  } catch (thrown) {
    await stop()
    throw thrown
  }
  return {
    url: at.hub,
    kill: (name) => {
      const pid = children.get(name)?.pid()
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
    },
    start: (name) => {
      void children.get(name)?.stop()
      start(name)
    },
    stop,
  }
}
