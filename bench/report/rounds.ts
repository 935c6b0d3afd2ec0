/** Contestants take turns: A B C A B C …, so that a busy minute of the machine hits all of them. */
import type { Bench } from './row.ts'

export type Contestant<T> = { readonly who: string; readonly measure: () => Promise<T> }

/** One unmeasured turn each, then `bench.rounds` measured ones; results by contestant. */
export const takeTurns = async <T>(
  bench: Bench,
  what: string,
  contestants: readonly Contestant<T>[],
): Promise<ReadonlyMap<string, readonly T[]>> => {
  const results = new Map<string, T[]>(contestants.map(({ who }) => [who, []]))
  for (const { measure } of contestants) await measure()
  for (let round = 1; round <= bench.rounds; round += 1) {
    bench.say(`${what}: round ${round} of ${bench.rounds}`)
    for (const { who, measure } of contestants) results.get(who)?.push(await measure())
  }
  return results
}
