/** How far a copy is, as people want to know it: with a rate of late and the time that is left. */
import type { CopyCounts, CopyProgress } from '../../protocol/copies.ts'

/** The rate is of the last so many ms. */
const span = 10_000

export const createProgress = (now: () => number) => {
  let seen: { readonly at: number; readonly bytes: number }[] = []
  return (counts: CopyCounts): CopyProgress => {
    const at = now()
    // A new attempt counts from the beginning, quickly over what it finds there.
    if ((seen.at(-1)?.bytes ?? 0) > counts.bytes) seen = []
    seen = [...seen.filter((one) => at - one.at <= span), { at, bytes: counts.bytes }]
    const [oldest] = seen
    const took = oldest === undefined ? 0 : at - oldest.at
    const rate = took <= 0 || oldest === undefined ? 0 : ((counts.bytes - oldest.bytes) * 1000) / took
    const left =
      rate === 0 || counts.totalBytes === null
        ? null
        : Math.max(0, Math.round(((counts.totalBytes - counts.bytes) / rate) * 1000))
    return { ...counts, rate: Math.round(rate), left }
  }
}

const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

export const sizeOf = (bytes: number): string => {
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3))
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toPrecision(3)} ${units[power]}`
}
