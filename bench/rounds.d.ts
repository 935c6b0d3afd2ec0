/** Contestants take turns: A B C A B C …, so that a busy minute of the machine hits all of them. */
import type { Bench } from './report/row.ts'
export type Contestant<T> = {
  readonly who: string
  readonly measure: () => Promise<T>
}
/** One unmeasured turn each, then `bench.rounds` measured ones; results by contestant. */
export declare const takeTurns: <T>(
  bench: Bench,
  what: string,
  contestants: readonly Contestant<T>[],
) => Promise<ReadonlyMap<string, readonly T[]>>
