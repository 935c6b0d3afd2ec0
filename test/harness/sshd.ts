/** A real sshd on loopback with its own keys and configuration, and real Unix accounts that live as long as it does. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { sshdProgram } from '../../demo/sshd-program.ts'
import { freePort, greets } from './ports.ts'
import { createAccount, type Ids, killIfThere, removeAccount, type UnixAccount } from './unix-accounts.ts'
import { until } from './until.ts'

export type SshAccount = UnixAccount & {
  readonly keys: readonly {
    /** OpenSSH public key line. */
    readonly publicKey: string
    /** The forced command. */
    readonly command: string
    /** Options before it; `restrict` unless a test is about what it forbids. */
    readonly options?: string
  }[]
}

export type SshdOptions = {
  /** An existing directory that everybody may enter; the caller removes it. */
  readonly dir: string
  readonly accounts: readonly SshAccount[]
  /** Lines in front of the configuration: sshd takes the first value it reads. */
  readonly config?: readonly string[]
  /** A private host key instead of a new one. */
  readonly hostKey?: string
  /** Instead of any free port. */
  readonly port?: number
}

export type Sshd = {
  readonly port: number
  /** OpenSSH public key line, to be pinned. */
  readonly hostKey: string
  readonly uid: (account: string) => number
  readonly gid: (account: string) => number
  readonly home: (account: string) => string
  readonly log: () => Promise<string>
  /** Ends the connections but not what was started detached, as when the host's sshd is restarted. */
  readonly dropConnections: () => Promise<void>
  /** Ends sshd, everything the accounts still run, and the accounts. */
  readonly stop: () => Promise<void>
}

/** sshd as root is what these tests need; without it they say that they did not run. */
export const canRunSshd = async (): Promise<boolean> =>
  process.getuid?.() === 0 && sshdProgram() !== undefined

/** OpenSSH texts. */
export const newKeyPair = (): { readonly publicKey: string; readonly privateKey: Buffer } => {
  let pair = ssh2.utils.generateKeyPairSync('ed25519')
  // ssh2 drops a leading zero byte: four keys in a thousand are malformed.
  while (ssh2.utils.parseKey(pair.private) instanceof Error) pair = ssh2.utils.generateKeyPairSync('ed25519')
  return { publicKey: pair.public, privateKey: Buffer.from(pair.private) }
}

/** The sshd processes below one: each connection has one for root's part and one for the account's. */
const sessionsOf = async (pid: number): Promise<readonly number[]> => {
  // A process that ended meanwhile has no children.
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  const found: number[] = []
  for (const child of list.trim().split(' ').filter(Boolean).map(Number)) {
    const name = await readFile(`/proc/${child}/comm`, 'utf8').catch(() => '')
    if (name.startsWith('sshd')) found.push(child, ...(await sessionsOf(child)))
  }
  return found
}

/** One file of authorized_keys for each account. */
export const writeKeys = async (dir: string, accounts: readonly SshAccount[]): Promise<void> => {
  await mkdir(dir, { recursive: true, mode: 0o755 })
  for (const { name, keys } of accounts) {
    const lines = keys.map(
      ({ publicKey, command, options }) =>
        `${options ?? 'restrict'},command="${command.replaceAll('"', '\\"')}" ${publicKey}\n`,
    )
    await writeFile(join(dir, name), lines.join(''), { mode: 0o644 })
  }
}

export const startSshd = async (options: SshdOptions): Promise<Sshd> => {
  const { dir, accounts } = options
  const hostKey = options.hostKey ?? newKeyPair().privateKey.toString()
  const parsed = ssh2.utils.parseKey(hostKey)
  if (parsed instanceof Error) throw parsed
  const port = options.port ?? (await freePort())
  const home = (account: string) => join(dir, 'home', account)
  await mkdir(join(dir, 'home'), { recursive: true, mode: 0o755 })
  // sshd insists on its (empty) privilege separation directory.
  await mkdir('/run/sshd', { recursive: true, mode: 0o755 })
  await writeFile(join(dir, 'host_key'), hostKey, { mode: 0o600 })

  const ids = new Map<string, Ids>()
  for (const account of accounts) {
    ids.set(account.name, await createAccount(home(account.name), account))
  }
  await writeKeys(join(dir, 'keys'), accounts)
  const config = [
    ...(options.config ?? []),
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${dir}/host_key`,
    'PidFile none',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin no',
    `AuthorizedKeysFile ${dir}/keys/%u`,
    // The directory is below a world-writable one.
    'StrictModes no',
    `AllowUsers ${accounts.map(({ name }) => name).join(' ')}`,
    'Subsystem sftp internal-sftp',
    'LogLevel VERBOSE',
  ]
  await writeFile(join(dir, 'sshd_config'), `${config.join('\n')}\n`)
  const log = await open(join(dir, 'sshd.log'), 'a')
  const program = sshdProgram()
  if (program === undefined) throw new Error('there is no sshd')
  const daemon = spawn(program.path, ['-D', '-e', '-f', join(dir, 'sshd_config')], {
    env: { ...program.env },
    stdio: ['ignore', log.fd, log.fd],
  })
  await once(daemon, 'spawn')
  await log.close()
  const stop = async () => {
    if (daemon.exitCode === null) {
      const exited = once(daemon, 'exit')
      for (const pid of await sessionsOf(daemon.pid ?? -1)) killIfThere(pid, 'SIGKILL')
      daemon.kill()
      await exited
    }
    for (const [name, { uid }] of ids) await removeAccount(name, uid)
    await rm(join(dir, 'home'), { recursive: true, force: true })
  }
  try {
    await until(() => greets(port))
  } catch (error) {
    await stop()
    throw error
  }

  return {
    port,
    hostKey: `${parsed.type} ${parsed.getPublicSSH().toString('base64')}`,
    uid: (account) => ids.get(account)?.uid ?? -1,
    gid: (account) => ids.get(account)?.gid ?? -1,
    home,
    log: () => readFile(join(dir, 'sshd.log'), 'utf8'),
    dropConnections: async () => {
      for (const pid of await sessionsOf(daemon.pid ?? -1)) killIfThere(pid, 'SIGKILL')
    },
    stop,
  }
}
