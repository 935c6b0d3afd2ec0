/** What a row says about its samples. Medians, because a shared machine has bad moments; spread, because they count too. */
/** `share` in 0…1, nearest rank; NaN of nothing. */
export declare const percentile: (values: readonly number[], share: number) => number
/** Of an even number, the mean of the two in the middle. */
export declare const median: (values: readonly number[]) => number
export type Summary = {
  readonly median: number
  readonly min: number
  readonly max: number
}
export declare const summarise: (values: readonly number[]) => Summary
/** Round by round, so that what slowed a whole round down slows both sides of its ratio. */
export declare const ratios: (ours: readonly number[], theirs: readonly number[]) => readonly number[]
