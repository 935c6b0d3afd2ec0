/** Which host takes the next server: measured load, and what this hub placed itself and the load does not show yet. */
import type { StatsAnswer } from '../protocol/agent.ts'
import { isErrorCode, SeneschalError } from '../protocol/errors.ts'
import { orAborted } from '../wire/or-aborted.ts'
import type { HostView } from './contract.ts'
import { createHostLoad, type HostLoad, quorum } from './host-load.ts'
import type { Placement, PlacementSubject } from './placement.ts'

export type CandidateHost = {
  readonly name: string
  /** What the site's rules may ask for. */
  readonly labels?: readonly string[] | undefined
  /** Takes no new servers. */
  readonly condemned?: boolean | undefined
}

/**
 * Asks one host, as the account that is to be placed. Calls `reached` once the host has let it in: what is slow or goes
 * wrong after that is about the account and not about the host.
 */
export type Measure = (host: string, signal: AbortSignal, reached: () => void) => Promise<StatsAnswer>

export type HostChooser = {
  /**
   * Rejects with `host.condemned` where no host takes servers, `host.none-fits` where the site's rules leave none, else
   * with why no host answered.
   */
  readonly choose: (account: string, measure: Measure, signal: AbortSignal) => Promise<string>
  /** Besides those that are condemned by configuration; in place of those named before. */
  readonly condemn: (hosts: ReadonlySet<string>) => void
  readonly hosts: () => readonly HostView[]
  /** Those that could take the account's server, as far as rules without measurement say. */
  readonly candidates: (account: string) => readonly string[]
  /** It was found silent: for a while nobody waits for it. */
  readonly markDown: (host: string) => void
  /** Asks each host, as up to three accounts that are known there. */
  readonly sample: (
    accountsOn: (host: string) => readonly string[],
    measureAs: (account: string) => Measure,
    signal: AbortSignal,
  ) => Promise<void>
}

export type HostChooserOptions = {
  readonly hosts: readonly CandidateHost[]
  /** The site's own rules. */
  readonly placement?: Placement
  /** Epoch, ms. */
  readonly now: () => number
  /** In [0, 1): decides between equals; the first of them without it. */
  readonly random?: () => number
  /** A host that does not answer within this, ms, … */
  readonly bound?: number
  /** … is not asked again for so long. */
  readonly downFor?: number
  /** A measurement counts for so long, ms. */
  readonly freshFor?: number
  /** A placement counts as long as the load does not show it, ms. */
  readonly recent?: number
}

type Known = {
  readonly load: HostLoad
  /** By account, so that each asks once. */
  readonly asking: Map<string, Promise<StatsAnswer>>
  downUntil: number
  /** Times of own placements. */
  placed: number[]
}

type Answer = { readonly about: Known; readonly stats: StatsAnswer }

/** Of a host's last free memory one more server might be the end. */
const crowded = ({ load, cores, memory }: StatsAnswer): boolean =>
  load[0] >= cores * 2 || memory.available < memory.total * 0.05

/** It let us in, and took longer than we waited: what a host does to which a hundred come at once. */
class Slow extends SeneschalError {}

const isAboutHost = (error: unknown): boolean =>
  error instanceof SeneschalError &&
  (error.code === 'host.unreachable' || error.code === 'host.key-unknown' || error.code === 'lost.connection')

export const createHostChooser = (options: HostChooserOptions): HostChooser => {
  const { now, placement = {}, random = () => 0 } = options
  const bound = options.bound ?? 2000
  const downFor = options.downFor ?? 60_000
  const freshFor = options.freshFor ?? 5000
  const recent = options.recent ?? 60_000
  let shut: ReadonlySet<string> = new Set()
  const known = new Map<string, Known>(
    options.hosts.map(({ name }) => [
      name,
      { load: createHostLoad({ now, freshFor }), asking: new Map(), downUntil: 0, placed: [] },
    ]),
  )

  const ask = async (name: string, about: Known, account: string, measure: Measure): Promise<StatsAnswer> => {
    const late = AbortSignal.timeout(bound)
    let isReached = false
    const tooLate = () => {
      const words = `${name}: no load within ${bound / 1000} s.`
      return isReached ? new Slow('agent.failed', words) : new SeneschalError('host.unreachable', words)
    }
    const reached = () => {
      isReached = true
    }
    try {
      // Some measurements do not heed a signal (a name server that is silent); the bound holds all the same.
      const stats = await orAborted(measure(name, late, reached), late)
      about.load.tell(account, stats)
      return stats
    } catch (error) {
      if (isAboutHost(error) || (late.aborted && !isReached)) about.downUntil = now() + downFor
      throw late.aborted ? tooLate() : error
    }
  }

  /** What concerns the host holds for all who wait for it; what concerns another account does not. */
  const waitForOthers = async (about: Known): Promise<void> => {
    const wasDown = about.downUntil
    const told = await Promise.allSettled(about.asking.values())
    if (about.downUntil > wasDown)
      for (const one of told) if (one.status === 'rejected' && isAboutHost(one.reason)) throw one.reason
  }

  const statsOf = async (
    name: string,
    about: Known,
    account: string,
    measure: Measure,
  ): Promise<StatsAnswer> => {
    const known = () => about.load.forAccount(account)
    const isAsking = about.asking.has(account)
    if (known() === undefined && !isAsking && about.asking.size >= quorum) await waitForOthers(about)
    const stats = known()
    if (stats !== undefined) return stats
    const asked = about.asking.get(account)
    if (asked !== undefined) return asked
    const mine = ask(name, about, account, measure)
    about.asking.set(account, mine)
    try {
      const own = await mine
      return known() ?? own
    } finally {
      about.asking.delete(account)
    }
  }

  const place = (name: string, about: Known): string => {
    about.placed.push(now())
    return name
  }

  /** Smaller is better, compared from the left; a burst is spread by the placements before load can tell. */
  const usualRank = (placed: number, stats: StatsAnswer): readonly number[] => {
    const cores = Math.max(1, stats.cores)
    return [Number(crowded(stats)), placed / cores, stats.load[0] / cores, stats.sessions / cores]
  }

  const placedOn = (about: Known): number => {
    about.placed = about.placed.filter((at) => now() - at < recent)
    return about.placed.length
  }
  const rank = (subject: PlacementSubject, { about, stats }: Answer): readonly number[] => {
    const placed = placedOn(about)
    return placement.rank === undefined
      ? [...usualRank(placed, stats), random()]
      : [placement.rank(subject, { stats, placed }), placed / Math.max(1, stats.cores), random()]
  }
  const takes = (subject: PlacementSubject, { about, stats }: Answer): boolean =>
    placement.filter === undefined || placement.filter(subject, { stats, placed: placedOn(about) })

  const openHosts = () => options.hosts.filter(({ name, condemned }) => condemned !== true && !shut.has(name))
  const fitting = (account: string, open: readonly CandidateHost[]) =>
    open.flatMap(({ name, labels = [] }) => {
      const about = known.get(name)
      const subject = { account, host: name, labels }
      if (about === undefined || placement.where?.(subject) === false) return []
      return [{ name, about, subject }]
    })

  return {
    choose: async (account, measure, signal) => {
      signal.throwIfAborted()
      const open = openHosts()
      const candidates = fitting(account, open)
      if (open.length === 0) throw new SeneschalError('host.condemned', 'Every host is.')
      const [only] = candidates
      if (only === undefined)
        throw new SeneschalError('host.none-fits', `The site allows ${account} none that takes servers.`)
      // Nothing to choose between: its own answer to the start tells more than a measurement.
      if (candidates.length === 1 && placement.filter === undefined) return place(only.name, only.about)

      const up = candidates.filter(({ about }) => about.downUntil <= now())
      // All are down: somebody has to find out that one came back.
      const asked = up.length > 0 ? up : candidates
      const answers = await Promise.allSettled(
        asked.map(async ({ name, about, subject }) => ({
          ...{ name, about, subject },
          stats: await statsOf(name, about, account, measure),
        })),
      )
      signal.throwIfAborted()
      const good = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
      const ranked = good
        .filter((one) => takes(one.subject, one))
        .map((one) => ({ ...one, rank: rank(one.subject, one) }))
        .toSorted((a, b) => compare(a.rank, b.rank))
      const [best] = ranked
      if (best !== undefined) return place(best.name, best.about)
      // All that could be asked are too busy to say how busy they are: they take it in turn, and nobody is refused.
      const slow = asked.filter((_, index) => isSlow(answers[index]))
      const [idlest] = slow.toSorted((a, b) => placedOn(a.about) - placedOn(b.about))
      if (good.length === 0 && idlest !== undefined && placement.filter === undefined)
        return place(idlest.name, idlest.about)
      if (good.length > 0)
        throw new SeneschalError('host.none-fits', `At the moment none of ${namesOf(good)} takes one more.`)
      throw noneAnswered(answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : [])))
    },
    condemn: (hosts) => {
      shut = hosts
    },
    hosts: () =>
      options.hosts.map(({ name, labels = [], condemned = false }) => {
        const about = known.get(name)
        const downUntil = about === undefined || about.downUntil <= now() ? null : about.downUntil
        return { host: name, labels, condemned, downUntil, measured: about?.load.latest() ?? null }
      }),
    candidates: (account) => fitting(account, openHosts()).map(({ name }) => name),
    markDown: (host) => {
      const about = known.get(host)
      if (about !== undefined) about.downUntil = now() + downFor
    },
    sample: async (accountsOn, measureAs, signal) => {
      const askOne = async ([name, about]: readonly [string, Known]) => {
        const accounts = [...new Set([...accountsOn(name), ...about.load.tellers()])].slice(0, quorum)
        const asked = accounts.map((account) => ask(name, about, account, measureAs(account)))
        // What is wrong with a host stands in `downUntil`; what is wrong with an account is told where it is opened.
        await orAborted(Promise.allSettled(asked), signal)
      }
      await Promise.all([...known].map(askOne))
    },
  }
}

const isSlow = (answer: PromiseSettledResult<unknown> | undefined): boolean =>
  answer?.status === 'rejected' && answer.reason instanceof Slow

const namesOf = (hosts: readonly { readonly name: string }[]): string => {
  const names = hosts.map(({ name }) => name)
  return names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ')
}

const compare = (a: readonly number[], b: readonly number[]): number => {
  for (const [index, value] of a.entries()) {
    const difference = value - (b[index] ?? 0)
    // Two that are infinite differ by no number.
    if (!Number.isNaN(difference) && difference !== 0) return difference
  }
  return 0
}

/** The first reason's code, and every reason's sentence. */
const noneAnswered = (reasons: readonly unknown[]): SeneschalError => {
  const [first] = reasons
  const code = first instanceof SeneschalError && isErrorCode(first.code) ? first.code : 'host.unreachable'
  const told = reasons.map((reason) =>
    reason instanceof SeneschalError ? (reason.detail ?? reason.message) : String(reason),
  )
  return new SeneschalError(code, told.join(' '), { cause: first })
}
