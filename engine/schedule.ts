/** `schedule:` of a definition → Schedule, and whether an offset can ever fall on it. */
import { DEFAULT_RUNAHEAD } from './defaults.ts'
import type { ScheduleDefinition } from './definition.ts'
import { parseDuration, parsePoint, shift } from './duration.ts'
import { createSequence } from './sequence.ts'
import type { Duration, Problem, Schedule } from './types.ts'

type Report = (path: readonly (string | number)[], message: string) => void

const modeOf = (given: ScheduleDefinition, step: Duration | undefined): Schedule['mode'] => {
  if (step !== undefined) return step.kind === 'integer' ? 'integer' : 'datetime'
  const { initial } = given
  return initial === undefined || typeof initial === 'number' || /^\d{1,7}$/.test(initial)
    ? 'integer'
    : 'datetime'
}

const example = { integer: 'an integer such as 1', datetime: 'a UTC point such as 20260101T0000Z, or now' }

const parseFinal = (given: string | number, mode: Schedule['mode']): Schedule['final'] => {
  if (typeof given === 'number' || !/^\+?P/.test(given)) return parsePoint(mode, given)
  const after = parseDuration(given.replace('+', ''))
  if (after === undefined) return undefined
  return (after.kind === 'integer') === (mode === 'integer') ? { after } : undefined
}

/** Without a recurrence there is one cycle; without an initial point it is 1. */
export const compileSchedule = (
  given: ScheduleDefinition,
): { readonly schedule: Schedule; readonly problems: readonly Problem[] } => {
  const problems: Problem[] = []
  const report: Report = (path, message) => problems.push({ path: ['schedule', ...path], message })

  const step = given.recurrence === undefined ? undefined : parseDuration(given.recurrence)
  const mode = modeOf(given, step)

  let initial: Schedule['initial'] = mode === 'integer' ? 1 : 'now'
  if (given.initial === 'now' && mode === 'integer') {
    report(['initial'], 'must be an integer such as 1, because the recurrence is an integer')
  } else if (given.initial !== undefined && given.initial !== 'now') {
    const point = parsePoint(mode, given.initial)
    if (point === undefined) report(['initial'], `must be ${example[mode]}`)
    else initial = point
  } else if (given.initial === undefined && mode === 'datetime') {
    report(['initial'], `is missing: ${example.datetime}`)
  }

  const final = given.final === undefined ? undefined : parseFinal(given.final, mode)
  if (given.final !== undefined && final === undefined) {
    const after = mode === 'integer' ? '+P10' : '+P1D'
    report(['final'], `must be ${example[mode].replace(', or now', '')}, or a length such as ${after}`)
  }
  if (typeof final === 'number' && initial !== 'now' && final < initial) {
    report(['final'], 'is before the initial point')
  }
  if (given.clock === true && mode === 'integer') {
    report(['clock'], 'integer cycles cannot wait for the wall clock')
  }
  return {
    schedule: {
      mode,
      initial,
      ...(final === undefined ? {} : { final }),
      ...(step === undefined ? {} : { step }),
      clock: given.clock ?? false,
      runahead: given.runahead ?? DEFAULT_RUNAHEAD,
    },
    problems,
  }
}

/** Any initial point shows whether an offset fits; the first of a year stands in for `now`. */
const standIn = Temporal.Instant.from('2026-01-01T00:00:00Z').epochMilliseconds

/** Why `[-offset]` can never be met on this schedule, or undefined. */
export const offsetFault = (schedule: Schedule, offset: Duration): string | undefined => {
  if (schedule.step === undefined)
    return 'The workflow has a single cycle, so an offset has nothing to lead to.'
  if ((offset.kind === 'integer') !== (schedule.mode === 'integer')) {
    return schedule.mode === 'integer'
      ? 'The cycles are integers: write the offset like [-P1].'
      : 'The cycles are times: write the offset like [-PT6H].'
  }
  const sequence = createSequence(schedule, schedule.initial === 'now' ? standIn : schedule.initial)
  // From the first point whose source is not before the initial one: earlier ones depend on nothing.
  let point = sequence.next(shift(sequence.initial, offset, 1) - 1)
  for (let tried = 0; tried < 24 && point !== undefined; tried += 1) {
    const source = sequence.before(point, offset)
    if (source >= sequence.initial && !sequence.has(source)) {
      return `The offset -${offset.text} does not lead to a point of the schedule (${schedule.step.text}).`
    }
    point = sequence.next(point)
  }
  return undefined
}
