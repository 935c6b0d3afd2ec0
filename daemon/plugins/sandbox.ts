/**
 * The command line that runs a plugin's host: under bubblewrap, in namespaces of its own, seeing the machine read-only
 * and nothing of the site's or the daemon's secrets.
 */
export type SandboxSettings = {
  /** undefined: no sandbox; it has all rights of the service account. */
  readonly bubblewrap: string | undefined
  /** Sets limits; undefined where the system has none. */
  readonly prlimit: string | undefined
  /** Node, then the entry of this installation and the verb of the host. */
  readonly node: string
  readonly entry: readonly [string, ...string[]]
  /** Directories that must be seen even below one that is hidden: the installation's own. */
  readonly expose: readonly string[]
  /** Directories that appear empty, and files that appear empty. All exist. */
  readonly hideDirectories: readonly string[]
  readonly hideFiles: readonly string[]
  /** The copy of the plugin's files. */
  readonly plugin: string
  readonly network: boolean
  /** Heap, MiB. */
  readonly memory: number
}

/** Where the plugin lies for itself. */
export const pluginInSandbox = '/tmp/plugin'

/** Beside its heap, Node itself needs so much writable memory, MiB (tried: it does not start with 512). */
const nodeNeeds = 640
/** Threads of Node among them. */
const mostProcesses = 64
const scratchBytes = 16 * 1024 * 1024

/** All that is left of the environment. */
export const pluginEnvironment = { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8' } as const

const limits = ({ prlimit, memory, bubblewrap }: SandboxSettings): readonly string[] =>
  prlimit === undefined
    ? []
    : [
        prlimit,
        '--core=0',
        `--data=${(nodeNeeds + memory) * 1024 * 1024}`,
        // Outside a user namespace the service account's other processes would count too.
        ...(bubblewrap === undefined ? [] : [`--nproc=${mostProcesses}`]),
      ]

const hostCommand = (settings: SandboxSettings): readonly string[] => [
  settings.node,
  `--max-old-space-size=${settings.memory}`,
  '--disable-warning=ExperimentalWarning',
  '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
  ...settings.entry,
]

const empty = (path: string): readonly string[] => ['--size', String(scratchBytes), '--tmpfs', path]
const bind = (path: string, at = path): readonly string[] => ['--ro-bind', path, at]

const bubblewrapped = (bubblewrap: string, settings: SandboxSettings): readonly string[] => [
  bubblewrap,
  '--unshare-user',
  '--unshare-pid',
  '--unshare-ipc',
  '--unshare-uts',
  '--unshare-cgroup-try',
  ...(settings.network ? [] : ['--unshare-net']),
  '--disable-userns',
  '--cap-drop',
  'ALL',
  '--die-with-parent',
  '--new-session',
  '--clearenv',
  ...Object.entries(pluginEnvironment).flatMap(([name, value]) => ['--setenv', name, value]),
  ...bind('/'),
  '--dev',
  '/dev',
  ...empty('/dev/shm'),
  '--proc',
  '/proc',
  // Sockets of other services lie in /run: a network namespace does not keep those away.
  ...['/run', '/tmp', ...settings.hideDirectories].flatMap(empty),
  ...settings.hideFiles.flatMap((path) => bind('/dev/null', path)),
  ...[settings.node, ...settings.expose].flatMap((path) => bind(path)),
  ...bind(settings.plugin, pluginInSandbox),
  '--remount-ro',
  '/dev',
  '--chdir',
  '/tmp',
]

export const sandboxCommand = (settings: SandboxSettings): readonly [string, ...string[]] => {
  const [program = settings.node, ...args] = [
    ...(settings.bubblewrap === undefined ? [] : bubblewrapped(settings.bubblewrap, settings)),
    // Within the sandbox: its own user namespace counts its own processes.
    ...limits(settings),
    ...hostCommand(settings),
  ]
  return [program, ...args]
}
