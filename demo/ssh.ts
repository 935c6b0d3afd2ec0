/**
 * The demonstration with real Unix accounts: each part under its own user, and an sshd of its own on loopback.
 * Needs root to make the accounts; hub, daemon, UI servers, supervisors and jobs run without it.
 */
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { SeneschalError } from '../protocol/errors.ts'
import { thriftyAllocator } from '../wire/environment.ts'
import { type Child, type ChildSettings, startChild } from './children.ts'
import { startInOrder } from './in-order.ts'
import { install } from './install.ts'
import {
  type Addresses,
  addressesAt,
  daemonConfigOf,
  hubConfigOf,
  type Layout,
  layoutAt,
  prepare,
  writeConfig,
} from './layout.ts'
import { endProcessesAt, endSshd } from './leftovers.ts'
import { accounts } from './people.ts'
import { mustBeFree } from './ports.ts'
import type { Demo, DemoOptions } from './run.ts'
import { startSiteProvider } from './site-provider.ts'
import { authorizedKey, ensureKey, prepareSshd, type Sshd } from './sshd.ts'
import { ensureAccounts, idsOf, removeAccounts, type Say, type UnixAccount } from './unix-accounts.ts'

const daemonUser = 'seneschal'
const hubUser = 'seneschal-hub'

const unixAccounts = (layout: Layout): readonly UnixAccount[] => [
  ...accounts.map((name) => ({ name, home: join(layout.homes, name), service: false, groups: [] })),
  // The daemon shares each account's private group, so that no directory has to be open to all.
  // The hub's too, to give it the site's feed; so the hub's comes first.
  { name: hubUser, home: layout.hub, service: true, groups: [] },
  { name: daemonUser, home: layout.site, service: true, groups: [...accounts, hubUser] },
]

const mustBeRoot = (): void => {
  if (process.getuid?.() !== 0)
    throw new SeneschalError(
      'usage',
      'The demonstration with Unix accounts needs root; without it: npm start.',
    )
}

const homesOf = (layout: Layout): readonly string[] => [
  ...accounts.map((name) => join(layout.homes, name)),
  layout.site,
  layout.hub,
]
const sshdConfig = (layout: Layout): string => join(layout.dir, 'sshd/sshd_config')
const createdFile = (layout: Layout): string => join(layout.dir, 'created-accounts.json')

/** Removes accounts and files of the demonstration, and ends whatever of it still runs. */
export const cleanSsh = async (dir: string, say: Say): Promise<void> => {
  mustBeRoot()
  const layout = layoutAt(dir)
  if (!existsSync(createdFile(layout)) && existsSync(dir))
    throw new SeneschalError('usage', `${dir} was not made by this demonstration; nothing was removed.`)
  endSshd(sshdConfig(layout))
  await endProcessesAt(homesOf(layout))
  removeAccounts(createdFile(layout), say)
  if (existsSync(dir)) say(`removing ${dir}`)
  rmSync(dir, { recursive: true, force: true })
}

const own = (path: string, user: string, mode: number): void => {
  const { uid, gid } = idsOf(user)
  mkdirSync(path, { recursive: true })
  chownSync(path, uid, gid)
  chmodSync(path, mode)
}

export type SshSite = {
  readonly layout: Layout
  readonly at: Addresses
  readonly sshd: Sshd
  /** The site's own processes, as they are to be started; the daemon believes the hub's keys once they are pinned. */
  readonly parts: { readonly hub: ChildSettings; readonly daemon: ChildSettings }
  /** Ends whatever was started there. */
  readonly endLeftovers: () => Promise<void>
}

/** Accounts, keys, configurations, the installed program: everything but running processes. */
export const prepareSsh = async (
  options: Pick<DemoOptions, 'dir' | 'port' | 'elevation' | 'fresh' | 'say'>,
): Promise<SshSite> => {
  mustBeRoot()
  const layout = layoutAt(options.dir)
  if (options.fresh && existsSync(createdFile(layout))) await cleanSsh(options.dir, options.say)
  endSshd(sshdConfig(layout))
  await mustBeFree([options.port, options.port + 1, options.port + 2])
  await endProcessesAt(homesOf(layout))
  mkdirSync(layout.dir, { recursive: true, mode: 0o755 })
  mkdirSync(layout.homes, { recursive: true, mode: 0o755 })
  options.say(`everything lies in ${layout.dir}; npm run start:ssh -- --clean removes it and the accounts`)
  ensureAccounts(unixAccounts(layout), createdFile(layout), options.say)
  prepare(layout, Date.now())
  for (const account of accounts) own(join(layout.homes, account), account, 0o700)
  const program = install(join(layout.dir, 'program'))
  own(layout.site, daemonUser, 0o755)
  own(layout.hub, hubUser, 0o755)
  own(join(layout.hub, 'keys'), hubUser, 0o755)
  const hubIds = idsOf(hubUser)
  chownSync(layout.clientSecret, hubIds.uid, hubIds.gid)
  mkdirSync(join(layout.dir, 'sshd'), { recursive: true, mode: 0o755 })

  const hubKeyFile = join(layout.hub, 'ssh-key')
  const daemonKeyFile = join(layout.etc, 'daemon-ssh-key')
  const hubKey = ensureKey(hubKeyFile, 'demonstration hub', hubIds)
  const daemonKey = ensureKey(daemonKeyFile, 'demonstration daemon', idsOf(daemonUser))
  const lines = [
    authorizedKey(program.agent, 'hub', '127.0.0.1', hubKey),
    authorizedKey(program.agent, 'daemon', '127.0.0.1', daemonKey),
  ]
  const at = addressesAt(options.port)
  const sshd = prepareSshd({
    dir: join(layout.dir, 'sshd'),
    port: options.port + 2,
    log: join(layout.logs, 'sshd.log'),
    keys: Object.fromEntries(accounts.map((account) => [account, lines])),
  })
  writeConfig(
    layout.hubConfig,
    hubConfigOf({
      layout,
      at,
      title: 'Seneschal demonstration',
      spawner: {
        kind: 'ssh',
        hosts: [{ name: 'login1', address: '127.0.0.1', port: sshd.port, hostKeys: [sshd.hostKey] }],
        keyFile: hubKeyFile,
      },
      elevation: options.elevation,
      webDir: program.webDir,
      unixGroups: false,
    }),
  )
  writeConfig(
    layout.daemonConfig,
    daemonConfigOf({
      layout,
      at,
      unsafeSingleUser: false,
      hubGroup: hubUser,
      accounts: Object.fromEntries(
        accounts.map((account) => [
          account,
          {
            host: 'login1',
            transport: {
              kind: 'ssh',
              host: '127.0.0.1',
              port: sshd.port,
              keyFile: daemonKeyFile,
              hostKeys: [sshd.hostKey],
            },
          },
        ]),
      ),
    }),
  )

  // setpriv replaces itself, so the process id is the part's own and signals reach it.
  const part = (name: string, user: string, home: string, config: string): ChildSettings => ({
    name,
    command: '/usr/bin/setpriv',
    args: [
      `--reuid=${user}`,
      `--regid=${user}`,
      '--init-groups',
      '--',
      program.node,
      program.entry,
      name,
      '--config',
      config,
    ],
    env: {
      PATH: '/usr/bin:/bin',
      LANG: process.env.LANG ?? 'C.UTF-8',
      HOME: home,
      USER: user,
      ...thriftyAllocator,
    },
    cwd: '/',
    logDir: layout.logs,
    say: options.say,
  })
  return {
    layout,
    at,
    sshd,
    parts: {
      hub: part('hub', hubUser, layout.hub, layout.hubConfig),
      daemon: part('daemon', daemonUser, layout.site, layout.daemonConfig),
    },
    endLeftovers: () => endProcessesAt(homesOf(layout)),
  }
}

export const startSsh = async (options: DemoOptions): Promise<Demo> => {
  const { layout, at, sshd, parts, endLeftovers } = await prepareSsh(options)
  const listener = sshd.start()
  const provider = await startSiteProvider(layout, at)
  const children: Child[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(children.map((child) => child.stop()))
    await provider.close()
    await endLeftovers()
    listener.stop()
  }
  try {
    await startInOrder({
      layout,
      hubUrl: at.hub,
      signal: options.signal,
      startHub: () => startChild(parts.hub),
      startDaemon: () => startChild(parts.daemon),
      started: (child) => children.push(child),
    })
  } catch (thrown) {
    await stop()
    throw thrown
  }
  return {
    url: at.hub,
    layout,
    stop,
    note: `Accounts are real: jobs of ${accounts.join(' and ')} run as those users, over ssh on port ${sshd.port}.`,
  }
}
