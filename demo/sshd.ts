/** An sshd of the demonstration's own on loopback: own keys, own configuration, forced commands and nothing else. */
import { execFileSync, spawn } from 'node:child_process'
import { chownSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SeneschalError } from '../protocol/errors.ts'
import { sshdProgram } from './sshd-program.ts'

/** A key pair of OpenSSH's own kind, made once; the private half belongs to `owner` alone. */
export const ensureKey = (
  file: string,
  comment: string,
  owner: { readonly uid: number; readonly gid: number },
): string => {
  if (!existsSync(file))
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', file])
  chownSync(file, owner.uid, owner.gid)
  return readFileSync(`${file}.pub`, 'utf8').trim()
}

/** The line of authorized_keys that lets a key run one role of the agent, from one address, and nothing else. */
export const authorizedKey = (
  agent: string,
  role: 'hub' | 'daemon',
  from: string,
  publicKey: string,
): string => `restrict,from="${from}",command="${agent} agent --role ${role}" ${publicKey}`

export type Sshd = {
  readonly port: number
  readonly hostKey: string
  readonly config: string
  /** Connections go on without the listener that took them. */
  readonly start: () => { readonly stop: () => void }
}

/** Writes what an sshd needs; it is not started yet. */
export const prepareSshd = (settings: {
  readonly dir: string
  readonly port: number
  readonly log: string
  /** Account → lines of its authorized_keys. */
  readonly keys: Readonly<Record<string, readonly string[]>>
}): Sshd => {
  const { dir, port } = settings
  const program = sshdProgram()
  if (program === undefined)
    throw new SeneschalError('usage', 'There is no sshd on this machine (Debian: openssh-server).')
  mkdirSync(join(dir, 'keys'), { recursive: true, mode: 0o755 })
  // sshd insists on its (empty) privilege separation directory.
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const hostKey = ensureKey(join(dir, 'host_key'), 'demonstration', { uid: 0, gid: 0 })
  for (const [account, lines] of Object.entries(settings.keys))
    writeFileSync(join(dir, 'keys', account), `${lines.join('\n')}\n`, { mode: 0o644 })
  const config = join(dir, 'sshd_config')
  writeFileSync(
    config,
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${join(dir, 'host_key')}`,
      'PidFile none',
      'UsePAM no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin no',
      `AuthorizedKeysFile ${join(dir, 'keys')}/%u`,
      `AllowUsers ${Object.keys(settings.keys).join(' ')}`,
      'LogLevel VERBOSE',
      '',
    ].join('\n'),
  )
  const start = () => {
    const log = openSync(settings.log, 'a', 0o600)
    const listener = spawn(program.path, ['-D', '-e', '-f', config], {
      stdio: ['ignore', log, log],
      env: program.env,
    })
    closeSync(log)
    return { stop: () => void listener.kill() }
  }
  const [kind = '', key = ''] = hostKey.split(' ')
  return { port, hostKey: `${kind} ${key}`, config, start }
}
