/** Orders that people expect, and one that does not jump under the pointer. */

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })
export const byName = (a: string, b: string): number => collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0)

/** Cycle points, oldest first: integers by value, dates as their basic ISO text sorts. */
export const byCycle = (a: string, b: string): number => {
  if (/^[0-9]+$/.test(a) && /^[0-9]+$/.test(b) && a.length !== b.length) return a.length - b.length
  return a < b ? -1 : a > b ? 1 : 0
}

/** `20261122T0600Z` as `2026-11-22 06:00Z`; an integer as it is. */
export const cycleLabel = (cycle: string): string => {
  const match = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})Z$/.exec(cycle)
  return match === null ? cycle : `${match[1]}-${match[2]}-${match[3]} ${match[4]}:${match[5]}Z`
}

/** Only the time of a date, for narrow screens; the whole stands in a title. */
export const cycleTime = (cycle: string): string => cycleLabel(cycle).split(' ').at(-1) ?? cycle

/** Oldest and newest cycle in one line; the day is said once where it is the same. */
export const cycleSpan = (first: string, last: string): string => {
  if (first === last) return cycleLabel(first)
  const [from, to] = [cycleLabel(first), cycleLabel(last)]
  const day = from.slice(0, 11)
  return `${from} … ${to.startsWith(day) && day.includes('-') ? to.slice(day.length) : to}`
}

/**
 * The order to show while somebody is in the middle of the rows: what was there keeps its place, what is new
 * comes at the end, what left is left out.
 */
export const keepPlaces = <T>(
  shown: readonly string[],
  wanted: readonly T[],
  keyOf: (item: T) => string,
): T[] => {
  const items = new Map(wanted.map((item) => [keyOf(item), item]))
  const kept: T[] = []
  for (const key of shown) {
    const item = items.get(key)
    if (item === undefined) continue
    kept.push(item)
    items.delete(key)
  }
  return [...kept, ...items.values()]
}
