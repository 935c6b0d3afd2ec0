/** ISO 8601 durations, integer steps, and cycle points as text. Calendar arithmetic is Temporal's, in UTC. */
import type { Duration, Point, Schedule } from './types.ts'

type Mode = Schedule['mode']

/** Labels hold a year of four digits. */
const LAST_POINT = Temporal.Instant.from('9999-12-31T23:59:00Z').epochMilliseconds
const FIRST_POINT = Temporal.Instant.from('0001-01-01T00:00:00Z').epochMilliseconds
const MINUTE = 60_000

const integerStep = /^P(\d{1,9})$/
const integerLabel = /^(?:0|[1-9]\d{0,14})$/

/** Beyond two centuries nobody means it, and calendars end. */
const longestDays = 200 * 366

const temporalDuration = (text: string): Temporal.Duration | undefined => {
  try {
    const duration = Temporal.Duration.from(text)
    const { years, months, weeks, days, hours, minutes, seconds } = duration
    const length =
      years * 366 + months * 31 + weeks * 7 + days + hours / 24 + minutes / 1440 + seconds / 86_400
    return Math.abs(length) <= longestDays ? duration : undefined
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** A positive step or offset: `P2` or 2 (integer), `PT6H`, `P1M`. Undefined for anything else. */
export const parseDuration = (value: string | number): Duration | undefined => {
  const text = typeof value === 'number' ? `P${value}` : value
  const integer = integerStep.exec(text)
  if (integer !== null) {
    const count = Number(integer[1])
    return count > 0 ? { kind: 'integer', count, text } : undefined
  }
  const duration = temporalDuration(text)
  if (duration === undefined || duration.sign <= 0) return undefined
  if (duration.years !== 0 || duration.months !== 0) {
    return duration.seconds === 0 && duration.milliseconds === 0 ? { kind: 'calendar', text } : undefined
  }
  const ms = duration.total({ unit: 'milliseconds', relativeTo: '2026-01-01T00:00Z[UTC]' })
  return ms % MINUTE === 0 ? { kind: 'exact', ms, text } : undefined
}

/** A length of time such as a retry delay: `PT5S`, `P1D`; months and years have no fixed length and are not taken. */
export const parseDelay = (text: string): number | undefined => {
  const duration = temporalDuration(text)
  if (duration === undefined || duration.sign < 0) return undefined
  if (duration.years !== 0 || duration.months !== 0) return undefined
  return duration.total({ unit: 'milliseconds', relativeTo: '2026-01-01T00:00Z[UTC]' })
}

const instant = (text: string): Temporal.Instant | undefined => {
  try {
    return /T/.test(text)
      ? Temporal.Instant.from(text)
      : Temporal.PlainDate.from(text).toZonedDateTime('UTC').toInstant()
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** `20260101T0000Z` and other ISO 8601 forms with a zone, a date alone, or an integer. */
export const parsePoint = (mode: Mode, value: string | number): Point | undefined => {
  const text = String(value)
  if (mode === 'integer') return integerLabel.test(text) ? Number(text) : undefined
  if (typeof value === 'number' && !/^\d{8}$/.test(text)) return undefined
  const ms = instant(text)?.epochMilliseconds
  if (ms === undefined || ms % MINUTE !== 0) return undefined
  return ms >= FIRST_POINT && ms <= LAST_POINT ? ms : undefined
}

/** The label of a point: `20260101T0000Z`, or the integer. */
export const formatPoint = (mode: Mode, point: Point): string =>
  mode === 'integer'
    ? String(point)
    : Temporal.Instant.fromEpochMilliseconds(point)
        .toString({ smallestUnit: 'minute' })
        .replaceAll(/[-:]/g, '')

export const startOfMinute = (ms: number): Point => Math.floor(ms / MINUTE) * MINUTE

const zoned = (point: Point): Temporal.ZonedDateTime =>
  Temporal.Instant.fromEpochMilliseconds(point).toZonedDateTimeISO('UTC')

/** `point` plus `times` durations, in one addition: the end of a month does not wear off over many of them. */
export const shift = (point: Point, duration: Duration, times: number): Point => {
  if (duration.kind === 'integer') return point + duration.count * times
  if (duration.kind === 'exact') return point + duration.ms * times
  const one = Temporal.Duration.from(duration.text)
  const scaled = Temporal.Duration.from({
    years: one.years * times,
    months: one.months * times,
    weeks: one.weeks * times,
    days: one.days * times,
    hours: one.hours * times,
    minutes: one.minutes * times,
  })
  return zoned(point).add(scaled).epochMilliseconds
}

/** Roughly how long a duration is, from that point. */
export const lengthFrom = (point: Point, duration: Duration): number => shift(point, duration, 1) - point

export const isLabelled = (mode: Mode, point: Point): boolean =>
  mode === 'integer' ? point >= 0 && Number.isSafeInteger(point) : point >= FIRST_POINT && point <= LAST_POINT
