/** Groups of a person: what the provider said, and, where the site wants it, what this host and a directory say. */
import { SeneschalError } from '../protocol/errors.ts'
import { isGroupName } from '../protocol/permissions.ts'
import type { Clock, Log } from './context.ts'

/** A place that knows groups beside the identity provider. */
export type GroupSource = {
  /** As rules name it: `group:SOURCE/NAME`. */
  readonly name: 'unix' | 'ldap'
  /** Groups of somebody called so; empty for nobody. Rejects where it cannot be told. */
  readonly ask: (person: string) => Promise<readonly string[]>
}

export type Groups = {
  /**
   * `fromProvider` (`oidc/NAME`) and `SOURCE/NAME` of each source. Rejects with `groups.unavailable` where one of them
   * has told nothing for a while: without its groups a person would pass what denies one of them.
   */
  readonly of: (person: string, fromProvider: readonly string[]) => Promise<readonly string[]>
}

/**
 * Open sockets look this often whether their viewer is in other groups by now, ms. Together with the time for which an
 * answer is used, and the time that asking takes, it stays below the minute within which a change is felt.
 */
export const groupsLookEvery = 9_000
/** What was told is used for so long, ms. */
const usedFor = 45_000
/** What was told last holds for so long while nothing newer can be told, ms. */
const keptFor = 5 * 60_000
/** After a failure the host is left alone for so long, ms: nobody asks it once per request. */
const retryAfter = 2000
const cacheSize = 10_000

type Known = {
  groups: readonly string[]
  /** When they were told; undefined before they ever were. */
  at: number | undefined
  failedAt: number | undefined
  asking: Promise<void> | undefined
}

const createCache = (parts: {
  readonly source: GroupSource
  readonly now: Clock
  readonly log: Log
}): ((person: string) => Promise<readonly string[]>) => {
  const { source, now, log } = parts
  /** In the order of their coming, so that the oldest are found first. */
  const known = new Map<string, Known>()

  const entryOf = (person: string): Known => {
    const found = known.get(person)
    if (found !== undefined) return found
    const oldest = known.size < cacheSize ? undefined : known.keys().next().value
    if (oldest !== undefined) known.delete(oldest)
    const made: Known = { groups: [], at: undefined, failedAt: undefined, asking: undefined }
    known.set(person, made)
    return made
  }
  const isYounger = (time: number | undefined, than: number) => time !== undefined && now() - time < than

  /** One question per person at a time, whoever waits for it. */
  const ask = async (person: string, entry: Known): Promise<void> => {
    try {
      const names = await source.ask(person)
      entry.groups = names.filter(isGroupName).map((name) => `${source.name}/${name}`)
      entry.at = now()
      entry.failedAt = undefined
    } catch (err) {
      log.warn({ err, person, source: source.name }, 'the groups of a person cannot be read')
      entry.failedAt = now()
    }
    entry.asking = undefined
  }

  return async (person) => {
    const entry = entryOf(person)
    if (!isYounger(entry.at, usedFor)) {
      if (!isYounger(entry.failedAt, retryAfter)) entry.asking ??= ask(person, entry)
      await entry.asking
      if (!isYounger(entry.at, keptFor)) throw new SeneschalError('groups.unavailable')
    }
    return entry.groups
  }
}

export const createGroups = (parts: {
  readonly sources: readonly GroupSource[]
  readonly now: Clock
  readonly log: Log
}): Groups => {
  const { sources, now, log } = parts
  const caches = sources.map((source) => createCache({ source, now, log }))
  return {
    of: async (person, fromProvider) => {
      const told = await Promise.all(caches.map((of) => of(person)))
      return [...fromProvider, ...told.flat()]
    },
  }
}
