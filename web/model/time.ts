/** Times and durations as people read them: their own zone, fixed width, the UTC time in the title. */

const pad = (value: number, width = 2) => String(value).padStart(width, '0')
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `06:00:12`, with the day in front of it where that is not today. */
export const clockTime = (ms: number, now: number): string => {
  const at = new Date(ms)
  const today = new Date(now)
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`
  if (at.toDateString() === today.toDateString()) return time
  const day = `${pad(at.getDate())} ${months[at.getMonth()] ?? ''}`
  return at.getFullYear() === today.getFullYear() ? `${day} ${time}` : `${day} ${at.getFullYear()} ${time}`
}

/** `2026-11-22 06:00:12 UTC`. */
export const utcTime = (ms: number): string => {
  const at = new Date(ms)
  if (Number.isNaN(at.getTime())) return ''
  return `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** `0:42`, `12:05`, `1:02:33`, `3 d 04 h`. */
export const duration = (ms: number): string => {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600)]
  if (days > 0) return `${days} d ${pad(hours % 24)} h`
  const rest = `${pad(seconds % 60)}`
  const minutes = Math.floor(seconds / 60) % 60
  return hours > 0 ? `${hours}:${pad(minutes)}:${rest}` : `${minutes}:${rest}`
}

/** `now`, `12 s`, `4 min`, `3 h`, `12 d`: how old something is, coarse on purpose so that it seldom changes. */
export const age = (ms: number): string => {
  const seconds = Math.floor(Math.max(0, ms) / 1000)
  if (seconds < 5) return 'now'
  if (seconds < 60) return `${seconds - (seconds % 5)} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}

/** `just now`, `12 s ago`. */
export const ago = (ms: number): string => {
  const text = age(ms)
  return text === 'now' ? 'just now' : `${text} ago`
}

/** `14:32`: what is left, rounded up, so that it reads 0:00 only when nothing is. */
export const countdown = (ms: number): string => {
  const seconds = Math.max(0, Math.ceil(ms / 1000))
  return `${pad(Math.floor(seconds / 60))}:${pad(seconds % 60)}`
}

/** `15 minutes`, `90 seconds`: a length of time in a sentence. */
export const lengthOf = (ms: number): string => {
  const seconds = Math.round(ms / 1000)
  if (seconds < 120 && seconds !== 60) return `${seconds} seconds`
  const minutes = Math.round(seconds / 60)
  return minutes === 1 ? '1 minute' : `${minutes} minutes`
}

/** Fraction of the mean run time that has passed, 0 to 1; undefined where there is no mean yet. */
export const progress = (
  startedAt: number | null,
  meanRun: number | null,
  now: number,
): number | undefined =>
  startedAt === null || meanRun === null || meanRun <= 0
    ? undefined
    : Math.min(1, Math.max(0, (now - startedAt) / meanRun))
