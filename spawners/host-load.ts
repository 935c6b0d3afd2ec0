/**
 * A host's load, as agents tell it that run as the very accounts that are to be placed: nobody is placed by the word of
 * one other account. Either several agree, or one's own agent is asked.
 */
import type { StatsAnswer } from '../protocol/agent.ts'

export type HostLoad = {
  readonly tell: (account: string, stats: StatsAnswer) => void
  /** What the fresh answers of enough accounts come to, or else the account's own; undefined where it has none. */
  readonly forAccount: (account: string) => StatsAnswer | undefined
  /** The same of all that were told last, fresh or not, with when the last was. */
  readonly latest: () => (StatsAnswer & { readonly at: number }) | undefined
  /** Who told, the last first. */
  readonly tellers: () => readonly string[]
}

export type HostLoadOptions = {
  /** Epoch, ms. */
  readonly now: () => number
  /** An answer counts for so long, ms. */
  readonly freshFor: number
}

/** One liar among three does not move the middle. */
export const quorum = 3
/** More tell nothing new. */
const kept = 5

const middle = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0

/** Of each figure the middle one. */
const combine = (answers: readonly StatsAnswer[]): StatsAnswer | undefined => {
  if (answers.length === 0) return undefined
  const of = (figure: (stats: StatsAnswer) => number) => middle(answers.map(figure))
  return {
    load: [of(({ load }) => load[0]), of(({ load }) => load[1]), of(({ load }) => load[2])],
    cores: of(({ cores }) => cores),
    memory: { total: of(({ memory }) => memory.total), available: of(({ memory }) => memory.available) },
    sessions: of(({ sessions }) => sessions),
  }
}

export const createHostLoad = ({ now, freshFor }: HostLoadOptions): HostLoad => {
  /** Of each account its last, oldest first. */
  const answers = new Map<string, { readonly stats: StatsAnswer; readonly at: number }>()
  return {
    tell: (account, stats) => {
      answers.delete(account)
      answers.set(account, { stats, at: now() })
      const [oldest] = answers.keys()
      if (answers.size > kept && oldest !== undefined) answers.delete(oldest)
    },
    forAccount: (account) => {
      const fresh = [...answers].filter(([, { at }]) => now() - at < freshFor)
      const heeded = fresh.length < quorum ? fresh.filter(([who]) => who === account) : fresh
      return combine(heeded.map(([, { stats }]) => stats))
    },
    latest: () => {
      const all = [...answers.values()]
      // Enough of those that were told together; what others said long ago is no part of it.
      const last = Math.max(...all.map(({ at }) => at))
      const stats = combine(all.filter(({ at }) => last - at < freshFor).map(({ stats }) => stats))
      return stats === undefined ? undefined : { ...stats, at: last }
    },
    tellers: () => [...answers.keys()].toReversed(),
  }
}
