/** What a row says about its samples. Medians, because a shared machine has bad moments; spread, because they count too. */

/** `share` in 0…1, nearest rank; NaN of nothing. */
export const percentile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** Of an even number, the mean of the two in the middle. */
export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const upper = sorted[Math.floor(middle)] ?? Number.NaN
  return Number.isInteger(middle) ? (upper + (sorted[middle - 1] ?? Number.NaN)) / 2 : upper
}

export type Summary = { readonly median: number; readonly min: number; readonly max: number }

export const summarise = (values: readonly number[]): Summary => ({
  median: median(values),
  min: values.length === 0 ? Number.NaN : Math.min(...values),
  max: values.length === 0 ? Number.NaN : Math.max(...values),
})

/** Round by round, so that what slowed a whole round down slows both sides of its ratio. */
export const ratios = (ours: readonly number[], theirs: readonly number[]): readonly number[] => {
  if (ours.length !== theirs.length) throw new RangeError(`${ours.length} rounds against ${theirs.length}`)
  return ours.map((value, round) => value / (theirs[round] ?? Number.NaN))
}
