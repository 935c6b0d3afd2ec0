/** Amounts as people read them: three figures at most, decimal units as operators' other tools have them. */

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** `0 B`, `812 B`, `4.1 kB`, `89 MB`, `1.2 TB`. */
export const bytes = (count: number): string => {
  let value = Math.max(0, count)
  let unit = 0
  // What would be rounded to 1000 of one is 1 of the next.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  const text = unit > 0 && value < 9.95 ? value.toFixed(1) : String(Math.round(value))
  return `${text} ${units[unit]}`
}

/** `0 %`, `7 %`, `100 %`. */
export const percent = (part: number): string => `${Math.round(part * 100)} %`

/** `1 server`, `3 servers`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`
