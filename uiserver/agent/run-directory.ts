/**
 * Where an account's running processes leave their sockets, records and logs. One directory per host and boot, in the
 * home directory: /run/user/UID goes away with the last login session, and a home may be shared by many hosts.
 */
import { hash } from 'node:crypto'
import { lstat, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { SeneschalError } from '../../protocol/errors.ts'
import type { Environment } from '../../wire/environment.ts'
import { isErrno } from './process.ts'

export type ServiceName = 'uiserver' | 'supervisor'

export type RunDirectory = {
  readonly record: (service: ServiceName) => string
  readonly lock: (service: ServiceName) => string
  readonly log: (service: ServiceName) => string
  /**
   * A path short enough for a Unix socket, in a directory that only this user can enter: the run directory, else the
   * one of `previous`, else a new one.
   */
  readonly socket: (service: ServiceName, previous: string | undefined) => Promise<string>
  /** Removes what earlier boots of this host left: nothing of theirs runs any more. */
  readonly removeFormer: () => Promise<void>
}

/** sockaddr_un holds 108 bytes, the last of them zero. */
const longestSocketPath = 107

const bootId = async (): Promise<string> =>
  (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).slice(0, 8)

/** Hosts that share a home may share a short name too (node01 of two clusters); machine-id(5) asks not to show it. */
const machineId = async (): Promise<string> => {
  const id = await readFile('/etc/machine-id', 'utf8').catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return ''
    throw error
  })
  return hash('sha256', `seneschal ${id.trim()}`).slice(0, 8)
}

/** Epoch, ms. */
const bootedAt = async (): Promise<number> => {
  const [, seconds] = /^btime (\d+)$/m.exec(await readFile('/proc/stat', 'utf8')) ?? []
  return seconds === undefined ? 0 : Number(seconds) * 1000
}

/** The directory or anything in it, epoch ms; now, where somebody else is just removing it. */
const lastTouched = async (path: string): Promise<number> => {
  try {
    const paths = [path, ...(await readdir(path)).map((name) => join(path, name))]
    return Math.max(...(await Promise.all(paths.map(async (one) => (await lstat(one)).mtimeMs))))
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return Number.POSITIVE_INFINITY
    throw error
  }
}

// A path that cannot be looked at is not one to be trusted; whoever makes it next says why.
const isPrivate = async (path: string): Promise<boolean> => {
  const status = await lstat(path).catch(() => undefined)
  return status?.isDirectory() === true && status.uid === process.getuid?.() && (status.mode & 0o077) === 0
}

const mustBePrivate = async (path: string): Promise<void> => {
  if (await isPrivate(path)) return
  throw new SeneschalError('agent.failed', `${path} must be a directory of this user alone (mode 0700).`)
}

/** Where all of an account's run directories are, one per host and boot. */
export const runRoot = (env: Environment): string => {
  if (env.HOME === undefined || env.HOME === '')
    throw new SeneschalError('agent.failed', 'The account has no home directory.')
  return join(env.HOME, '.seneschal', 'run')
}

/** Made where it is missing; refused where others may enter it. */
export const makePrivate = async (path: string): Promise<void> => {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SeneschalError('agent.failed', `The run directory cannot be made: ${why}`, { cause })
  }
  await mustBePrivate(path)
}

/** This host's. */
export const openRunDirectory = async (env: Environment, root = runRoot(env)): Promise<RunDirectory> => {
  const host = `${hostname()}-${await machineId()}`
  const path = join(root, `${host}-${await bootId()}`)
  await makePrivate(path)
  return {
    record: (service) => join(path, `${service}.json`),
    lock: (service) => join(path, `${service}.lock`),
    log: (service) => join(path, `${service}.log`),
    socket: async (service, previous) => {
      const inPlace = join(path, `${service}.sock`)
      if (Buffer.byteLength(inPlace) <= longestSocketPath) return inPlace
      if (previous !== undefined && (await isPrivate(dirname(previous)))) return previous
      // TMPDIR may be as long as the home directory; the record says where the socket went.
      const base = env.TMPDIR !== undefined && Buffer.byteLength(env.TMPDIR) < 60 ? env.TMPDIR : '/tmp'
      return join(await mkdtemp(join(base, 'seneschal-')), service)
    },
    removeFormer: async () => {
      const ofThisHost = new RegExp(`^${RegExp.escape(host)}-[0-9a-f]{8}$`)
      const booted = await bootedAt()
      for (const name of await readdir(root)) {
        const former = join(root, name)
        if (!ofThisHost.test(name) || former === path) continue
        // What was touched since this host came up belongs to one that is up: a clone with the same identity.
        if ((await lastTouched(former)) < booted) await rm(former, { recursive: true, force: true })
      }
    },
  }
}
