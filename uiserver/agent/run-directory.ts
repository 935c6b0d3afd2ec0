/**
 * Where an account's running processes leave their sockets, records and logs. One directory per host and boot, in the
 * home directory: /run/user/UID goes away with the last login session, and a home may be shared by many hosts.
 */
import { lstat, mkdir, mkdtemp, readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { SeneschalError } from '../../protocol/errors.ts'
import type { Environment } from '../../wire/environment.ts'

export type ServiceName = 'uiserver' | 'supervisor'

export type RunDirectory = {
  readonly record: (service: ServiceName) => string
  readonly lock: (service: ServiceName) => string
  readonly log: (service: ServiceName) => string
  /** A path short enough for a Unix socket, in a directory that only this user can enter; new each time. */
  readonly socket: (service: ServiceName) => Promise<string>
}

/** sockaddr_un holds 108 bytes, the last of them zero. */
const longestSocketPath = 107

const bootId = async (): Promise<string> =>
  (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).slice(0, 8)

const mustBePrivate = async (path: string): Promise<void> => {
  const status = await lstat(path)
  if (status.isDirectory() && status.uid === process.getuid?.() && (status.mode & 0o077) === 0) return
  throw new SeneschalError('agent.failed', `${path} must be a directory of this user alone (mode 0700).`)
}

const runRoot = (env: Environment): string => {
  if (env.HOME === undefined || env.HOME === '')
    throw new SeneschalError('agent.failed', 'The account has no home directory.')
  return join(env.HOME, '.seneschal', 'run')
}

/** Made where it is missing; refused where others may enter it. */
export const openRunDirectory = async (env: Environment, root = runRoot(env)): Promise<RunDirectory> => {
  const path = join(root, `${hostname()}-${await bootId()}`)
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SeneschalError('agent.failed', `The run directory cannot be made: ${why}`, { cause })
  }
  await mustBePrivate(path)
  return {
    record: (service) => join(path, `${service}.json`),
    lock: (service) => join(path, `${service}.lock`),
    log: (service) => join(path, `${service}.log`),
    socket: async (service) => {
      const inPlace = join(path, `${service}.sock`)
      if (Buffer.byteLength(inPlace) <= longestSocketPath) return inPlace
      const short = (base: string) => mkdtemp(join(base, 'seneschal-'))
      // TMPDIR may be as long as the home directory; the record says where the socket went.
      const base = env.TMPDIR !== undefined && Buffer.byteLength(env.TMPDIR) < 60 ? env.TMPDIR : '/tmp'
      return join(await short(base), service)
    },
  }
}
