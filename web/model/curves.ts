/** What is measured in steps of equal width, as points of a plot and as a sentence. */
import { percent } from './units.ts'

export type Curve = readonly (number | null)[]

/** Ends of the steps, s since the epoch, the last one at `now`, ms. */
export const timesOf = (length: number, every: number, now: number): number[] =>
  Array.from({ length }, (_, index) => (now - (length - 1 - index) * every) / 1000)

/** The top of an axis that begins at 0: what is there fits, and 1 always is on it. */
export const topOf = (...curves: readonly Curve[]): number =>
  Math.max(
    1,
    ...curves.flatMap((curve) => curve.filter((value) => value !== null)).map((value) => value * 1.1),
  )

/** Places of values without a neighbour: no line leads to them. */
export const alone = (curve: Curve): number[] =>
  curve.flatMap((value, index) =>
    value !== null && (curve[index - 1] ?? null) === null && (curve[index + 1] ?? null) === null
      ? [index]
      : [],
  )

/** `now 12 %, at most 80 %`; undefined where nothing was measured. */
export const inWords = (curve: Curve): string | undefined => {
  const known = curve.filter((value) => value !== null)
  if (known.length === 0) return undefined
  const last = curve.at(-1) ?? null
  const most = `at most ${percent(Math.max(...known))}`
  return last === null ? most : `now ${percent(last)}, ${most}`
}
