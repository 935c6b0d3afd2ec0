/**
 * Hosts of their own on this machine: each has its network, its processes, its name, its /run and its sshd. Homes and
 * programs are the same on all, as with a shared filesystem. A host's cable is pulled, or its power.
 */
import { execFile, execFileSync, spawn } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import ssh2 from 'ssh2'
import { sshdProgram } from '../../demo/sshd-program.ts'
import { greets } from './ports.ts'
import { newKeyPair, type SshAccount, writeKeys } from './sshd.ts'
import { createAccount, type Ids, killIfThere, removeAccount } from './unix-accounts.ts'
import { until } from './until.ts'

const run = promisify(execFile)
const ip = (words: string) => run('ip', words.split(' '))

export type TestHost = {
  /** Its own name, and the one it has in a spawner's options. */
  readonly name: string
  readonly address: string
  /** This machine's own address on the line between them. */
  readonly gateway: string
  readonly port: number
  /** OpenSSH public key line, to be pinned. */
  readonly hostKey: string
  /** Pulls the cable: what is sent is answered by nobody, not even with a refusal. */
  readonly cut: () => Promise<void>
  readonly mend: () => Promise<void>
  /** Pulls the plug: everything on it ends at once, and nobody is told. */
  readonly kill: () => Promise<void>
  /** Switches it on again, under its address and with its key. */
  readonly boot: () => Promise<void>
  /** Ends sshd and all its connections; what was started detached goes on. */
  readonly stopSshd: () => Promise<void>
  /** Ends it at once and starts it again. */
  readonly restartSshd: () => Promise<void>
  /** What nsenter is told to run a program there. */
  readonly inside: (...command: readonly string[]) => string[]
  /** Runs a program there as root; resolves with what it printed. */
  readonly exec: (program: string, ...args: string[]) => Promise<string>
  /** Command lines of an account's processes there, sshd's own apart, by pid of that host. */
  readonly processes: (account: string) => Promise<ReadonlyMap<number, string>>
  /** Of these, UI servers. */
  readonly servers: (account: string) => Promise<readonly number[]>
}

export type TestHosts = {
  readonly hosts: readonly TestHost[]
  readonly host: (name: string) => TestHost
  readonly ids: (account: string) => Ids
  readonly home: (account: string) => string
  /** Ends the hosts, and removes the accounts. */
  readonly stop: () => Promise<void>
}

/** Namespaces and sshd as root are what these tests need; without them they say that they did not run. */
export const canRunHosts = (): boolean => {
  if (process.getuid?.() !== 0 || sshdProgram() === undefined) return false
  try {
    execFileSync('unshare', ['--net', '--pid', '--fork', '--mount', '--mount-proc', '--uts', 'ip', 'link'], {
      stdio: 'ignore',
    })
    return true
  } catch {
    return false
  }
}

/** What the host's first process does. It outlives its sshd, and takes up whoever is orphaned. */
const init = `
set -e
hostname "$HOST"
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/sshd
ip link set lo up
until ip link show "$LINK" >/dev/null 2>&1; do sleep 0.02; done
ip address add "$ADDRESS/30" dev "$LINK"
ip link set "$LINK" up
while :; do
  if [ ! -e /run/no-sshd ]; then "$SSHD" -D -e -f "$DIR/sshd_config" || true; fi
  sleep 0.05
done
`

/** Two addresses of a network that is no real one (RFC 2544), other tests of this machine having others. */
const network = (): { readonly ours: string; readonly theirs: string } => {
  const block = randomInt(2 ** 15) * 4
  const at = (last: number) => `198.${18 + (block >> 16)}.${(block >> 8) & 255}.${(block & 255) + last}`
  return { ours: at(1), theirs: at(2) }
}

const childOf = async (pid: number): Promise<number | undefined> => {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  const [first = ''] = list.trim().split(' ')
  return first === '' ? undefined : Number(first)
}

const startHost = async (settings: {
  readonly name: string
  readonly dir: string
  readonly keys: string
  readonly accounts: readonly string[]
  readonly config: readonly string[]
}): Promise<TestHost & { readonly end: () => Promise<void> }> => {
  const { name, accounts } = settings
  const dir = join(settings.dir, `host-${name}`)
  await mkdir(dir, { recursive: true, mode: 0o755 })
  const hostKey = newKeyPair().privateKey.toString()
  const parsed = ssh2.utils.parseKey(hostKey)
  if (parsed instanceof Error) throw parsed
  await writeFile(join(dir, 'host_key'), hostKey, { mode: 0o600 })
  const { ours, theirs } = network()
  const port = 22
  const lines = [
    ...settings.config,
    `Port ${port}`,
    `HostKey ${dir}/host_key`,
    'PidFile /run/sshd.pid',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin no',
    `AuthorizedKeysFile ${settings.keys}/%u`,
    // The directory is below a world-writable one.
    'StrictModes no',
    `AllowUsers ${accounts.join(' ')}`,
    'LogLevel VERBOSE',
  ]
  await writeFile(join(dir, 'sshd_config'), `${lines.join('\n')}\n`)
  const program = sshdProgram()
  if (program === undefined) throw new Error('there is no sshd')
  const link = `snt${randomInt(2 ** 40).toString(36)}`
  const far = `${link}f`
  // Of those that no maker gives away.
  const mac = `02:${randomBytes(5).toString('hex').match(/../g)?.join(':')}`

  const plug = async () => {
    await ip(`address add ${ours}/30 dev ${link}`)
    await ip(`link set ${link} up`)
  }
  /** With its address known for good nobody asks for it, and nobody is told that it does not answer. */
  const silence = () => ip(`neighbour replace ${theirs} lladdr ${mac} dev ${link} nud permanent`)
  /** The kernel takes a link away with its peer, but later. */
  const unplug = () => ip(`link delete ${link}`).catch(() => undefined)

  /** The host's first process, seen from here, and the one that made it. */
  let power: { readonly pid: number; readonly off: () => Promise<void> } | undefined
  const boot = async (): Promise<void> => {
    const child = spawn(
      'unshare',
      ['--net', '--pid', '--fork', '--kill-child', '--mount', '--mount-proc', '--uts', 'sh', '-c', init],
      {
        stdio: 'ignore',
        env: { ...program.env, HOST: name, LINK: far, ADDRESS: theirs, SSHD: program.path, DIR: dir },
      },
    )
    const ended = once(child, 'exit')
    await once(child, 'spawn')
    let pid = -1
    // Its namespaces are there once it is not unshare itself any more.
    await until(async () => {
      pid = (await childOf(child.pid ?? -1)) ?? -1
      return (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim() === 'sh'
    })
    power = {
      pid,
      off: async () => {
        killIfThere(pid, 'SIGKILL')
        await ended
      },
    }
    await unplug()
    await ip(`link add ${link} type veth peer name ${far} address ${mac} netns ${pid}`)
    await plug()
    await until(() => greets(port, theirs), 20_000)
  }
  const inside: TestHost['inside'] = (...args) => [
    ...['--target', String(power?.pid), '--mount', '--pid', '--net', '--uts', '--'],
    ...args,
  ]
  const exec: TestHost['exec'] = async (...command) => (await run('nsenter', inside(...command))).stdout
  const end = async (): Promise<void> => {
    const on = power
    power = undefined
    await on?.off()
    await unplug()
  }
  const cut = async () => {
    await silence()
    await exec('ip', 'link', 'set', far, 'down')
  }
  /** Its address still leads to where it was, and nowhere else: what is sent there is swallowed. */
  const kill = async (): Promise<void> => {
    // What ends says nothing to anybody any more.
    await cut()
    await end()
    await ip(`link add ${link} type veth peer name ${far}`)
    await plug()
    await silence()
  }
  const endSshd = () => exec('sh', '-c', 'pkill -KILL -x sshd; pkill -KILL "^sshd-"; true')
  const processes: TestHost['processes'] = async (account) => {
    const listed = await exec('ps', '-u', account, '-o', 'pid=,args=').catch(() => '')
    return new Map(
      listed
        .split('\n')
        .map((line) => /^\s*(\d+)\s+(.*)$/.exec(line))
        .filter((match) => match?.[2]?.startsWith('sshd') === false)
        .flatMap((match) => (match === null ? [] : [[Number(match[1]), match[2] ?? ''] as const])),
    )
  }
  await boot()
  return {
    name,
    address: theirs,
    gateway: ours,
    inside,
    port,
    hostKey: `${parsed.type} ${parsed.getPublicSSH().toString('base64')}`,
    cut,
    mend: async () => {
      await exec('ip', 'link', 'set', far, 'up')
      await ip(`neighbour delete ${theirs} dev ${link}`)
    },
    kill,
    boot,
    stopSshd: async () => {
      await exec('touch', '/run/no-sshd')
      await endSshd()
    },
    restartSshd: async () => {
      await exec('rm', '-f', '/run/no-sshd')
      await endSshd()
      await until(() => greets(port, theirs), 20_000)
    },
    exec,
    processes,
    servers: async (account) =>
      [...(await processes(account))].filter(([, words]) => / uiserver$/.test(words)).map(([pid]) => pid),
    end,
  }
}

export const startHosts = async (options: {
  /** An existing directory that everybody may enter; the caller removes it. */
  readonly dir: string
  readonly names: readonly string[]
  readonly accounts: readonly SshAccount[]
  /** Lines in front of each sshd's configuration. */
  readonly config?: readonly string[]
}): Promise<TestHosts> => {
  const { dir, accounts } = options
  const home = (account: string) => join(dir, 'home', account)
  const keys = join(dir, 'keys')
  await mkdir(join(dir, 'home'), { recursive: true, mode: 0o755 })
  const ids = new Map<string, Ids>()
  const hosts: Awaited<ReturnType<typeof startHost>>[] = []
  const stop = async () => {
    await Promise.all(hosts.map((host) => host.end()))
    for (const [name, { uid }] of ids) await removeAccount(name, uid)
    await rm(join(dir, 'home'), { recursive: true, force: true })
  }
  try {
    for (const account of accounts) ids.set(account.name, await createAccount(home(account.name), account))
    await writeKeys(keys, accounts)
    const names = accounts.map(({ name }) => name)
    for (const name of options.names)
      hosts.push(await startHost({ name, dir, keys, accounts: names, config: options.config ?? [] }))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    hosts,
    host: (name) => {
      const found = hosts.find((one) => one.name === name)
      if (found === undefined) throw new Error(`there is no host ${name}`)
      return found
    },
    ids: (account) => {
      const found = ids.get(account)
      if (found === undefined) throw new Error(`there is no account ${account}`)
      return found
    },
    home,
    stop,
  }
}
