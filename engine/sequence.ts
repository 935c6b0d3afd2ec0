/** The cycle points of a workflow, once its initial point is known. */
import { formatPoint, isLabelled, lengthFrom, parsePoint, shift, startOfMinute } from './duration.ts'
import type { Duration, Point, Schedule } from './types.ts'

export type Sequence = {
  readonly initial: Point
  readonly final: Point | undefined
  /** The point after this one, whatever `final` says; undefined when the schedule has no more. */
  readonly next: (point: Point) => Point | undefined
  readonly has: (point: Point) => boolean
  /** The `count`th point after this one, or the last there is. */
  readonly ahead: (point: Point, count: number) => Point
  readonly before: (point: Point, offset: Duration) => Point
  /** The points whose `before(…, offset)` is this one: at most one, but for ends of months. */
  readonly after: (point: Point, offset: Duration) => readonly Point[]
  readonly label: (point: Point) => string
  /** The point of a canonical label on the schedule (after `final` too); undefined for any other text. */
  readonly parse: (label: string) => Point | undefined
}

const FOUR_DAYS = 4 * 86_400_000
const LABELS_KEPT = 1000

export const createSequence = (schedule: Schedule, initial: Point): Sequence => {
  const { mode, step } = schedule
  const final = typeof schedule.final === 'object' ? shift(initial, schedule.final.after, 1) : schedule.final

  const at = (index: number): Point => (step === undefined ? initial : shift(initial, step, index))

  const roughStep = step === undefined ? 1 : lengthFrom(initial, step)

  /** Index of the last point that is not after `point`. */
  const indexOf = (point: Point): number => {
    if (step === undefined) return 0
    let index = Math.floor((point - initial) / roughStep)
    if (step.kind !== 'calendar') return index
    while (at(index + 1) <= point) index += 1
    while (at(index) > point) index -= 1
    return index
  }

  const has = (point: Point): boolean => point >= initial && at(indexOf(point)) === point

  const next = (point: Point): Point | undefined => {
    if (step === undefined) return undefined
    const following = at(indexOf(point) + 1)
    return isLabelled(mode, following) ? following : undefined
  }

  const before = (point: Point, offset: Duration): Point => shift(point, offset, -1)

  const after = (point: Point, offset: Duration): readonly Point[] => {
    const earliest = shift(point, offset, 1)
    if (offset.kind !== 'calendar') return has(earliest) ? [earliest] : []
    // Several days can have the same day a month before: 28 to 31 March all lead back to 28 February.
    const found: Point[] = []
    let candidate: Point | undefined = has(earliest) ? earliest : next(earliest)
    while (candidate !== undefined && candidate <= earliest + FOUR_DAYS) {
      if (candidate >= initial && before(candidate, offset) === point) found.push(candidate)
      candidate = next(candidate)
    }
    return found
  }

  // Every event names its cycle, and most name one of a few.
  const parsed = new Map<string, Point>()
  const parse = (label: string): Point | undefined => {
    const known = parsed.get(label)
    if (known !== undefined) return known
    const point = parsePoint(mode, label)
    if (point === undefined || !has(point) || formatPoint(mode, point) !== label) return undefined
    if (parsed.size >= LABELS_KEPT) parsed.clear()
    parsed.set(label, point)
    return point
  }

  return {
    initial,
    final,
    next,
    has,
    ahead: (point, count) => {
      if (step === undefined) return initial
      const reached = at(indexOf(point) + count)
      return isLabelled(mode, reached) ? reached : point
    },
    before,
    after,
    label: (point) => formatPoint(mode, point),
    parse,
  }
}

/** The initial point, with `now` taken from the clock. */
export const resolveInitial = (schedule: Schedule, now: number): Point =>
  schedule.initial === 'now' ? startOfMinute(now) : schedule.initial
