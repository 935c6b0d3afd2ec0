/** Where a command line keeps its sessions: a file of its user that nobody else can read, one entry per hub. */
import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { z } from 'zod/mini'
import { SeneschalError } from '../../protocol/errors.ts'

const sessions = z.strictObject({
  v: z.literal(1),
  /** The hub that is meant where none is named: the one signed in to last. */
  last: z.nullable(z.string()),
  /** By address: the session's cookie. */
  hubs: z.record(z.string(), z.strictObject({ cookie: z.string() })),
})
type Sessions = z.infer<typeof sessions>

export type Env = Readonly<Record<string, string | undefined>>

const fileOf = (env: Env): string =>
  join(env.XDG_CONFIG_HOME ?? join(env.HOME ?? homedir(), '.config'), 'seneschal', 'sessions.json')

const read = (env: Env): Sessions => {
  const file = fileOf(env)
  let text: string
  try {
    if ((statSync(file).mode & 0o077) !== 0)
      throw new SeneschalError('config.invalid', `Others can read ${file}: chmod 600 it.`)
    text = readFileSync(file, 'utf8')
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return { v: 1, last: null, hubs: {} }
    throw thrown
  }
  const parsed = sessions.safeParse(JSON.parse(text))
  if (parsed.success) return parsed.data
  throw new SeneschalError(
    'config.invalid',
    `${file} is not what this version writes: remove it and sign in again.`,
  )
}

const isLoopback = (host: string): boolean => ['localhost', '127.0.0.1', '[::1]'].includes(host)

/** Scheme, host and port of a hub. Throws `usage`. */
export const hubAddress = (text: string): string => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname))
  if (url === undefined || !isSafe || url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw new SeneschalError(
      'usage',
      `${JSON.stringify(text)} is not a hub's address such as https://seneschal.example`,
    )
  return url.origin
}

/** The hub that is meant: named, by $SENESCHAL_HUB, or the one signed in to last. */
export const hubOf = (named: string | undefined, env: Env): string => {
  const chosen = named ?? env.SENESCHAL_HUB ?? read(env).last
  if (chosen === null)
    throw new SeneschalError('session.missing', 'Say which hub: seneschal login https://HUB')
  return hubAddress(chosen)
}

/** All hubs that somebody signed in to, the one that is meant where none is named first. */
export const knownHubs = (env: Env): readonly string[] => {
  const { hubs, last } = read(env)
  return Object.keys(hubs).toSorted((a, b) => Number(b === last) - Number(a === last) || a.localeCompare(b))
}

export const cookieFor = (hub: string, env: Env): string | undefined => read(env).hubs[hub]?.cookie

/** Undefined forgets it. */
export const keepCookie = async (hub: string, cookie: string | undefined, env: Env): Promise<void> => {
  const { ensureDir, writeFileAtomic } = await import('../../durable/files.ts')
  const { hubs, last } = read(env)
  const { [hub]: _former, ...others } = hubs
  const value: Sessions =
    cookie === undefined
      ? { v: 1, last: last === hub ? null : last, hubs: others }
      : { v: 1, last: hub, hubs: { ...others, [hub]: { cookie } } }
  await ensureDir(dirname(fileOf(env)), { mode: 0o700 })
  await writeFileAtomic(fileOf(env), `${JSON.stringify(value)}\n`, { mode: 0o600, fsync: true })
}
