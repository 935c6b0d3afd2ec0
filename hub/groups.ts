/** Groups of a person: what the provider said, and, where the site wants it, what this host says. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Clock, Log } from './context.ts'

export type Groups = {
  /** `fromProvider` (`oidc/NAME`) and `unix/NAME`. */
  readonly of: (person: string, fromProvider: readonly string[]) => Promise<readonly string[]>
}

/** Groups that somebody with this name has on the host; empty for nobody. Rejects where it cannot be told. */
export type UnixGroups = (name: string) => Promise<readonly string[]>

const run = promisify(execFile)

/**
 * Asks the host's name service through `id`, which knows of LDAP and sssd what the host knows. It takes a number for a
 * uid, and nobody is called by one: whom the provider calls `0` is not root.
 */
export const unixGroupsById: UnixGroups = async (name) => {
  if (/^[0-9]+$/.test(name)) return []
  try {
    const { stdout } = await run('id', ['-Gn', '--', name], {
      timeout: 5000,
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    })
    return stdout.trim().split(/\s+/)
  } catch (thrown) {
    // 1 is `no such user`; anything else (a timeout, no `id`) says nothing about the person.
    if ((thrown as { code?: unknown }).code === 1) return []
    throw thrown
  }
}

const groupPattern = /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,127}$/
/** A change of groups is felt within this, ms. */
const cacheFor = 55_000
const cacheSize = 10_000

type Known = { readonly at: number; readonly groups: Promise<readonly string[]> }

export const createGroups = (parts: {
  readonly unix: UnixGroups | undefined
  readonly now: Clock
  readonly log: Log
}): Groups => {
  const { unix, now, log } = parts
  if (unix === undefined) return { of: async (_person, fromProvider) => fromProvider }
  const known = new Map<string, Known>()
  const ask = async (person: string): Promise<readonly string[]> => {
    try {
      return (await unix(person)).filter((name) => groupPattern.test(name)).map((name) => `unix/${name}`)
    } catch (err) {
      // Without an answer there is no right that comes from it; asked again with the next request.
      log.warn({ err, person }, 'the groups of a person cannot be read')
      known.delete(person)
      return []
    }
  }
  return {
    of: async (person, fromProvider) => {
      const found = known.get(person)
      const usable =
        found !== undefined && now() - found.at < cacheFor ? found : { at: now(), groups: ask(person) }
      if (usable !== found) {
        if (known.size >= cacheSize) known.clear()
        known.set(person, usable)
      }
      return [...fromProvider, ...(await usable.groups)]
    },
  }
}
