/** Groups of a person: what the provider said, and, where the site wants it, what this host says. */
import { SeneschalError } from '../protocol/errors.ts'
import { isGroupName } from '../protocol/permissions.ts'
import type { Clock, Log } from './context.ts'
import type { UnixGroups } from './unix-groups.ts'

export type Groups = {
  /**
   * `fromProvider` (`oidc/NAME`) and `unix/NAME`. Rejects with `groups.unavailable` where the host has not told them
   * for a while: without its groups a person would pass what denies one of them.
   */
  readonly of: (person: string, fromProvider: readonly string[]) => Promise<readonly string[]>
}

/** A change of groups is felt within this, ms. */
const usedFor = 55_000
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

export const createGroups = (parts: {
  readonly unix: UnixGroups | undefined
  readonly now: Clock
  readonly log: Log
}): Groups => {
  const { unix, now, log } = parts
  if (unix === undefined) return { of: async (_person, fromProvider) => fromProvider }
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
      const names = await unix(person)
      entry.groups = names.filter(isGroupName).map((name) => `unix/${name}`)
      entry.at = now()
      entry.failedAt = undefined
    } catch (err) {
      log.warn({ err, person }, 'the groups of a person cannot be read')
      entry.failedAt = now()
    }
    entry.asking = undefined
  }

  return {
    of: async (person, fromProvider) => {
      const entry = entryOf(person)
      if (!isYounger(entry.at, usedFor)) {
        if (!isYounger(entry.failedAt, retryAfter)) entry.asking ??= ask(person, entry)
        await entry.asking
        if (!isYounger(entry.at, keptFor)) throw new SeneschalError('groups.unavailable')
      }
      return [...fromProvider, ...entry.groups]
    },
  }
}
