/** The demonstration as one user in one directory: real parts, but accounts are not kept apart, and it says so. */
import { mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { thriftyAllocator } from '../wire/environment.ts'
import { type Child, startChild } from './children.ts'
import { startInOrder } from './in-order.ts'
import { addressesAt, daemonConfigOf, hubConfigOf, layoutAt, prepare, writeConfig } from './layout.ts'
import { endProcessesAt } from './leftovers.ts'
import { accounts } from './people.ts'
import { installPlugins } from './plugins.ts'
import { mustBeFree } from './ports.ts'
import type { Demo, DemoOptions } from './run.ts'
import { startSiteProvider } from './site-provider.ts'

const root = dirname(import.meta.dirname)
const farSide = join(root, 'dist/far/seneschal.mjs')

/** What children get of our environment: nothing of the product's own, no secrets. */
export const plainEnvironment = (): Record<string, string> => ({
  ...Object.fromEntries(
    ['PATH', 'LANG', 'TZ', 'USER', 'HOME'].flatMap((name) => {
      const value = process.env[name]
      return value === undefined ? [] : [[name, value]]
    }),
  ),
  ...thriftyAllocator,
})

export const startLocal = async (options: DemoOptions): Promise<Demo> => {
  const layout = layoutAt(options.dir)
  const homes = accounts.map((account) => join(layout.homes, account))
  await mustBeFree([options.port, options.port + 1])
  await endProcessesAt(homes)
  if (options.fresh) rmSync(layout.dir, { recursive: true, force: true })
  prepare(layout, Date.now())
  for (const home of homes) mkdirSync(home, { recursive: true, mode: 0o700 })
  const at = addressesAt(options.port)

  const agent = (role: 'hub' | 'daemon') => [process.execPath, farSide, 'agent', '--role', role]
  writeConfig(
    layout.hubConfig,
    hubConfigOf({
      layout,
      at,
      title: 'Seneschal demonstration',
      spawner: { kind: 'local', homeRoot: layout.homes, command: agent('hub') },
      elevation: options.elevation,
      webDir: join(root, 'dist/web'),
      unixGroups: false,
    }),
  )
  writeConfig(
    layout.daemonConfig,
    daemonConfigOf({
      layout,
      at,
      unsafeSingleUser: true,
      plugins: installPlugins(join(layout.dir, 'plugins')),
      accounts: Object.fromEntries(
        accounts.map((account) => [
          account,
          {
            transport: {
              kind: 'local',
              command: agent('daemon'),
              env: { HOME: join(layout.homes, account) },
            },
          },
        ]),
      ),
    }),
  )

  const provider = await startSiteProvider(layout, at)
  const children: Child[] = []
  const part = (name: string, config: string): Child =>
    startChild({
      name,
      command: process.execPath,
      args: [join(root, 'cli/main.ts'), name, '--config', config],
      env: plainEnvironment(),
      cwd: layout.dir,
      logDir: layout.logs,
      say: options.say,
    })
  const stop = async (): Promise<void> => {
    await Promise.all(children.map((child) => child.stop()))
    await provider.close()
    await endProcessesAt(homes)
  }
  try {
    await startInOrder({
      layout,
      hubUrl: at.hub,
      signal: options.signal,
      startHub: () => part('hub', layout.hubConfig),
      startDaemon: () => part('daemon', layout.daemonConfig),
      started: (child) => children.push(child),
    })
  } catch (thrown) {
    await stop()
    throw thrown
  }
  return { url: at.hub, layout, stop, note: 'Everything runs as one user here: accounts are not kept apart.' }
}
