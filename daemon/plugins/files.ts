/**
 * A plugin's files: read once, checked, hashed. What runs is a private copy of exactly these bytes, so whatever
 * happens to the directory afterwards, the digest in the audit log is that of the code that decided.
 */
import { createHash, randomBytes } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import {
  chmod,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { errnoOf } from '../../durable/files.ts'
import { SeneschalError } from '../../protocol/errors.ts'

type Entry = {
  /** Relative, with `/`. */
  readonly path: string
  readonly executable: boolean
} & ({ readonly content: Buffer } | { readonly link: string })

export type PluginFiles = {
  readonly name: string
  /** Where it was found. */
  readonly directory: string
  readonly entry: { readonly file: string; readonly kind: 'module' | 'python' | 'program' }
  readonly digest: string
  readonly entries: readonly Entry[]
}

const most = { entries: 5000, bytes: 64 * 1024 * 1024 }

const refuse = (path: string, why: string): never => {
  throw new SeneschalError('plugin.invalid', `${path} ${why}`)
}

/** Whoever can write to it could change what runs. */
const mustBeOurs = (path: string, found: Stats, uid: number, stickyIsEnough = false): void => {
  if (found.uid !== 0 && found.uid !== uid)
    refuse(path, `belongs to uid ${found.uid}, neither root nor the service account.`)
  const isOpen = (found.mode & 0o022) !== 0 && !(stickyIsEnough && (found.mode & 0o1000) !== 0)
  if (isOpen && !found.isSymbolicLink())
    refuse(path, 'can be written to by its group or others: chmod go-w it.')
}

/** From the plugin's directory up to the configured one, and on to the root of the filesystem where that is wanted. */
const checkParents = async (directory: string, root: string, uid: number, beyond: boolean): Promise<void> => {
  for (let path = dirname(directory); ; path = dirname(path)) {
    const inside = path === root || path.startsWith(root + sep)
    if (!inside && !beyond) return
    mustBeOurs(path, await stat(path), uid, !inside)
    if (path === dirname(path)) return
  }
}

const readWhole = async (
  path: string,
  uid: number,
  left: number,
): Promise<{ content: Buffer; mode: number }> => {
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  const found = await file.stat()
  if (!found.isFile()) refuse(path, 'is not a regular file.')
  mustBeOurs(path, found, uid)
  if (found.size > left) refuse(path, `makes the plugin larger than ${most.bytes >> 20} MiB.`)
  return { content: await file.readFile(), mode: found.mode }
}

/** A link may lead from one of the plugin's files to another, and nowhere else. */
const readLink = async (path: string, directory: string): Promise<string> => {
  const link = await readlink(path)
  const target = await realpath(path).catch(() => refuse(path, 'is a link to nothing.'))
  if (link.startsWith('/') || !target.startsWith(directory + sep))
    refuse(path, 'is a link that leaves the plugin.')
  return link
}

const collect = async (directory: string, uid: number): Promise<readonly Entry[]> => {
  const entries: Entry[] = []
  let bytes = 0
  const walk = async (at: string): Promise<void> => {
    mustBeOurs(at, await lstat(at), uid)
    for (const item of (await readdir(at, { withFileTypes: true })).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const path = join(at, item.name)
      const name = relative(directory, path)
      if (entries.length >= most.entries) refuse(directory, `has more than ${most.entries} files.`)
      if (item.isDirectory()) await walk(path)
      else if (item.isSymbolicLink()) {
        mustBeOurs(path, await lstat(path), uid)
        entries.push({ path: name, executable: false, link: await readLink(path, directory) })
      } else if (item.isFile()) {
        const { content, mode } = await readWhole(path, uid, most.bytes - bytes)
        bytes += content.length
        entries.push({ path: name, executable: (mode & 0o100) !== 0, content })
      } else refuse(path, 'is neither a file nor a directory.')
    }
  }
  await walk(directory)
  return entries
}

const digestOf = (entries: readonly Entry[]): string => {
  const hash = createHash('sha256')
  for (const entry of entries) {
    const [kind, body] =
      'link' in entry ? ['l', Buffer.from(entry.link)] : [entry.executable ? 'x' : 'f', entry.content]
    hash.update(`${kind}\0${entry.path}\0${body.length}\0`).update(body)
  }
  return hash.digest('hex')
}

const kinds = [
  ['.ts', 'module'],
  ['.js', 'module'],
  ['.py', 'python'],
  ['', 'program'],
] as const

const entryOf = (name: string, directory: string, entries: readonly Entry[]): PluginFiles['entry'] => {
  const found = kinds.flatMap(([ending, kind]) => {
    const entry = entries.find(({ path }) => path === name + ending)
    return entry === undefined ? [] : [{ file: entry.path, kind, executable: entry.executable }]
  })
  const [first, second] = found
  if (first === undefined)
    return refuse(directory, `holds neither ${name}.ts, .js or .py nor an executable ${name}.`)
  if (second !== undefined) refuse(directory, `holds ${first.file} and ${second.file}: which is it?`)
  if (first.kind === 'program' && !first.executable) refuse(join(directory, first.file), 'is not executable.')
  return { file: first.file, kind: first.kind }
}

/**
 * Throws `plugin.invalid`, naming the path and what is wrong with it. `uid` = the service account's; `beyond`: the
 * parents of `root` are looked at too.
 */
export const readPluginFiles = async (settings: {
  readonly name: string
  /** The configured directory of plugins, and the plugin's own in it. */
  readonly root: string
  readonly directory: string
  readonly uid: number
  readonly beyond: boolean
}): Promise<PluginFiles> => {
  const { name, uid } = settings
  try {
    const root = await realpath(settings.root)
    const directory = await realpath(settings.directory)
    if (dirname(directory) !== root)
      refuse(settings.directory, 'is a link that leaves the directory of plugins.')
    await checkParents(directory, root, uid, settings.beyond)
    const entries = await collect(directory, uid)
    return { name, directory, entry: entryOf(name, directory, entries), digest: digestOf(entries), entries }
  } catch (thrown) {
    if (thrown instanceof SeneschalError) throw thrown
    throw new SeneschalError('plugin.invalid', `${settings.directory} cannot be read: ${errnoOf(thrown)}.`, {
      cause: thrown,
    })
  }
}

/** Puts the bytes that were read where nobody else writes; whole, or not there. */
export const copyPluginFiles = async (files: PluginFiles, target: string): Promise<void> => {
  const temporary = `${target}.${randomBytes(6).toString('hex')}`
  await mkdir(temporary, { recursive: true, mode: 0o700 })
  try {
    for (const entry of files.entries) {
      const path = join(temporary, entry.path)
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      if ('link' in entry) await symlink(entry.link, path)
      else {
        await writeFile(path, entry.content, { flag: 'wx' })
        await chmod(path, entry.executable ? 0o500 : 0o400)
      }
    }
    await rm(target, { recursive: true, force: true })
    await rename(temporary, target)
  } catch (thrown) {
    await rm(temporary, { recursive: true, force: true })
    throw thrown
  }
}
