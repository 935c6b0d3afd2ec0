/** The systemd unit of a daemon: what it may not do although it could, and what it must be able to. */
import { thriftyAllocator } from '../wire/environment.ts'
import type { DaemonConfig } from './config.ts'

export type UnitParts = {
  readonly config: Pick<DaemonConfig, 'root' | 'name' | 'plugins' | 'copies'>
  readonly configFile: string
  readonly user: string
  /** Node and the entry of the installed program: no shell, no PATH. */
  readonly command: readonly [string, ...string[]]
}

/** As systemd.unit(5) reads words: `%` is a specifier, `$` a variable, quotes and blanks end one. */
const word = (text: string): string => {
  const plain = text.replaceAll('%', '%%').replaceAll('$', '$$$$')
  return /^[A-Za-z0-9_@%$+=:,./-]+$/.test(plain) ? plain : `"${plain.replace(/[\\"]/g, '\\$&')}"`
}

/** A plugin's sandbox mounts its own /proc and makes namespaces: options that forbid it are left out where one is active. */
const withoutPlugins = [
  'ProtectKernelTunables=yes',
  'ProtectKernelLogs=yes',
  'ProtectControlGroups=yes',
  'RestrictNamespaces=yes',
  'SystemCallFilter=@system-service',
  'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6',
]
/** bwrap brings up a loopback device of its own. */
const withPlugins = [
  'SystemCallFilter=@system-service @mount',
  'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
]

export const unitName = (name: string): string => (name === 'main' ? 'seneschald' : `seneschald-${name}`)

export const unitText = ({ config, configFile, user, command }: UnitParts): string => {
  const roots = Object.values(config.copies.site)
  const written = [config.root, ...roots.filter(({ write }) => write).map(({ path }) => path)]
  return [
    '# Written by `seneschal daemon install-unit`; changes of your own belong into a drop-in (systemctl edit).',
    '[Unit]',
    'Description=seneschald: takes requests, runs workflows, keeps the audit log',
    'After=network-online.target remote-fs.target',
    'Wants=network-online.target',
    `RequiresMountsFor=${[config.root, ...roots.map(({ path }) => path)].map(word).join(' ')}`,
    '# A site that cannot be started is looked at by somebody, not started for ever.',
    'StartLimitIntervalSec=300',
    'StartLimitBurst=10',
    '',
    '[Service]',
    'Type=exec',
    `ExecStart=${[...command, 'daemon', 'start', '--config', configFile].map(word).join(' ')}`,
    'ExecReload=/bin/kill -HUP $MAINPID',
    `User=${user}`,
    '# Memory that is needed no more goes back to the system, also after years.',
    `Environment=${Object.entries(thriftyAllocator)
      .map((pair) => pair.join('='))
      .join(' ')}`,
    'UMask=0027',
    '# The main process alone: a child of it holds the lock of the state, and ends with it.',
    'KillMode=mixed',
    'TimeoutStopSec=10',
    'Restart=on-failure',
    'RestartSec=2',
    '',
    'NoNewPrivileges=yes',
    'CapabilityBoundingSet=',
    'AmbientCapabilities=',
    'ProtectSystem=strict',
    `ReadWritePaths=${written.map(word).join(' ')}`,
    'ProtectHome=read-only',
    'PrivateTmp=yes',
    'PrivateDevices=yes',
    'ProtectClock=yes',
    'ProtectHostname=yes',
    'ProtectKernelModules=yes',
    'RestrictRealtime=yes',
    'LockPersonality=yes',
    'RemoveIPC=yes',
    'SystemCallArchitectures=native',
    'SystemCallErrorNumber=EPERM',
    ...(config.plugins.active.length === 0 ? withoutPlugins : withPlugins),
    '# Not RestrictSUIDSGID: the inbox has the set-group-id bit. Not MemoryDenyWriteExecute: Node compiles.',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n')
}
