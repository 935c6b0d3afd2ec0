/**
 * Directories held open, and entered one name at a time through `/proc/self/fd`: whoever swaps a directory for a link
 * meanwhile leads nobody anywhere.
 */
import { closeSync, constants, type Dirent, fstatSync, mkdirSync, openSync, readdirSync } from 'node:fs'
import { errnoOf } from '../../durable/files.ts'
import type { CopyPlace } from '../../protocol/copies.ts'
import { SeneschalError } from '../../protocol/errors.ts'

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants

/** `name` in an open directory, for calls that do not follow it themselves. */
export const within = (directory: number, name: string): string => `/proc/self/fd/${directory}/${name}`

/** A path in words that fit into one line. */
export const shown = (path: string): string => JSON.stringify(path === '' ? '.' : path)

export const refusedCopy = (why: string): SeneschalError => new SeneschalError('copy.refused', why)

/** The system's word about one path, as what it means to whoever asked for the copy. */
export const about = (path: string, thrown: unknown): unknown => {
  const errno = errnoOf(thrown)
  if (errno === undefined || thrown instanceof SeneschalError) return thrown
  if (errno === 'ELOOP' || errno === 'ENOTDIR')
    return refusedCopy(`${shown(path)} is no directory, or became a link meanwhile.`)
  if (errno === 'EEXIST') return new SeneschalError('copy.exists', `${shown(path)} is there already.`)
  return new SeneschalError('copy.failed', `${errno} at ${shown(path)}.`, { cause: thrown })
}

/** The root itself is the administrator's, or the account's own: links on the way to it count. */
export const openRoot = (place: CopyPlace, home: string | undefined): number => {
  const root = place.root === '~' ? home : place.root
  if (root === undefined) throw new SeneschalError('copy.failed', 'There is no home directory.')
  try {
    return openSync(root, O_RDONLY | O_DIRECTORY)
  } catch (thrown) {
    throw about(root, thrown)
  }
}

/** Never through a link. */
export const openBelow = (directory: number, name: string): number =>
  openSync(within(directory, name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)

/** Whether it was made now. */
export const makeBelow = (directory: number, name: string, mode: number): boolean => {
  try {
    mkdirSync(within(directory, name), { mode })
    return true
  } catch (thrown) {
    if (errnoOf(thrown) === 'EEXIST') return false
    throw thrown
  }
}

/** Goes down `path`, making what is missing if told; takes over `from`, which is closed on the way. */
export const descend = (from: number, path: readonly string[], make: boolean): number => {
  let here = from
  const gone: string[] = []
  for (const name of path) {
    gone.push(name)
    try {
      if (make) makeBelow(here, name, 0o755)
      const next = openBelow(here, name)
      closeSync(here)
      here = next
    } catch (thrown) {
      closeSync(here)
      throw about(gone.join('/'), thrown)
    }
  }
  return here
}

/** The directory that holds `place`, open, and the last name. */
export const openParent = (
  place: CopyPlace,
  home: string | undefined,
  make: boolean,
): { readonly directory: number; readonly name: string } => {
  const path = place.path.split('/')
  const name = path.at(-1) ?? ''
  return { directory: descend(openRoot(place, home), path.slice(0, -1), make), name }
}

export const entriesOf = (directory: number): readonly Dirent[] =>
  readdirSync(`/proc/self/fd/${directory}`, { withFileTypes: true })

/**
 * Whether a link, `depth` directories below the top of what is copied, stays within it. Steps up count at the front
 * alone: after a name, which may be a link itself, nobody knows from where they lead up.
 */
export const staysWithin = (target: string, depth: number): boolean => {
  if (target.startsWith('/')) return false
  const parts = target.split('/').filter((part) => part !== '' && part !== '.')
  const down = parts.findIndex((part) => part !== '..')
  const ups = down === -1 ? parts.length : down
  return ups <= depth && !parts.slice(ups).includes('..')
}

export const isOwnDirectory = (directory: number): boolean => {
  const { uid, mode } = fstatSync(directory)
  return uid === process.geteuid?.() && (mode & 0o077) === 0
}
