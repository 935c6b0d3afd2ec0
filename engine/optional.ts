/**
 * Which outputs of a task are required: what the graph says with and without `?`, by Cylc's rules.
 *
 * - `foo` and `foo:x` require the output, `foo?` and `foo:x?` do not; a graph may not say both.
 * - Opposites (succeeded and failed; submitted and submit-failed) must both be optional if both are used.
 * - Nothing said = success is required. A failed submission is always optional.
 * - What a family trigger says is a default: what is said of the member itself goes before it.
 */
import type { Place } from './graph-lexer.ts'
import { FAILED, FINISHED, outputsIn, STARTED, SUBMIT_FAILED, SUBMITTED, SUCCEEDED } from './outputs.ts'
import type { Completion } from './types.ts'

/** Where in the definition: which graph text, and the place in it. */
export type GraphPlace = Place & { readonly graph: number | undefined }

type Mark = {
  readonly optional: boolean
  readonly byFamily: boolean
  /** The task or family that stands there. */
  readonly subject: string
  /** As it was written, for messages. */
  readonly written: string
  readonly at: GraphPlace
}

/** What one node of the graph says about outputs of a task. */
export type Said = Mark & { readonly outputs: number }

export type Optionality = {
  readonly mark: (task: string, said: Said) => void
  readonly completion: (task: string) => Completion
}

type Report = (at: GraphPlace, message: string) => void

const nameOf = (bit: number): string => outputsIn(bit)[0] ?? ''

export const createOptionality = (report: Report): Optionality => {
  const marks = new Map<string, Map<number, Mark>>()
  /** Tasks of which the graph says both: one report each is enough. */
  const disputed = new Set<string>()

  const markBit = (task: string, bit: number, mark: Mark): void => {
    const ofTask = marks.get(task) ?? new Map<number, Mark>()
    marks.set(task, ofTask)
    const earlier = ofTask.get(bit)
    if (earlier === undefined || (earlier.byFamily && !mark.byFamily)) {
      ofTask.set(bit, mark)
    } else if (earlier.optional !== mark.optional && earlier.byFamily === mark.byFamily) {
      disputed.add(task)
      const text = earlier.at.graph === mark.at.graph ? '' : `graph text ${(earlier.at.graph ?? 0) + 1}, `
      const other = `${text}line ${earlier.at.line} ("${earlier.written}")`
      report(
        mark.at,
        `"${mark.written}" makes ${mark.subject}:${nameOf(bit)} ${mark.optional ? 'optional' : 'required'}, ` +
          `but ${other} makes it ${mark.optional ? 'required' : 'optional'}. Write "?" in both places or in none.`,
      )
    }
  }

  const mark: Optionality['mark'] = (task, said) => {
    if (said.outputs === FINISHED) {
      // Either end will do, so neither is required.
      for (const bit of [SUCCEEDED, FAILED]) markBit(task, bit, { ...said, optional: true })
    } else if (said.outputs === SUBMIT_FAILED) {
      markBit(task, SUBMIT_FAILED, { ...said, optional: true })
    } else {
      markBit(task, said.outputs, said)
    }
  }

  /** The marks of two opposites, the family's default giving way; reports what cannot both be. */
  const opposites = (
    task: string,
    bit: number,
    opposite: number,
  ): readonly [Mark | undefined, Mark | undefined] => {
    const one = marks.get(task)?.get(bit)
    const other = marks.get(task)?.get(opposite)
    if (one === undefined || other === undefined || (one.optional && other.optional)) return [one, other]
    if (disputed.has(task)) return [one, other]
    if (one.byFamily && !other.byFamily) return [{ ...one, optional: other.optional }, other]
    if (other.byFamily && !one.byFamily) return [one, { ...other, optional: one.optional }]
    const fault = one.optional ? other : one
    const reason = one.optional ? one : other
    report(
      fault.at,
      `"${reason.written}" uses ${reason.subject}:${nameOf(one.optional ? bit : opposite)}, so ` +
        `${fault.subject}:${nameOf(one.optional ? opposite : bit)} cannot be required: write "${fault.written}?".`,
    )
    return [one, other]
  }

  return {
    mark,
    completion: (task) => {
      const ofTask = marks.get(task)
      const [success, failure] = opposites(task, SUCCEEDED, FAILED)
      const [, submitFailure] = opposites(task, SUBMITTED, SUBMIT_FAILED)
      const succeeds = failure === undefined || success !== undefined || failure.optional
      const mayFail = success?.optional === true || failure?.optional === true
      let required = succeeds ? SUCCEEDED : FAILED
      for (const bit of [SUBMITTED, STARTED]) if (ofTask?.get(bit)?.optional === false) required |= bit
      return {
        required,
        alternatives: (mayFail ? FAILED : 0) | (submitFailure === undefined ? 0 : SUBMIT_FAILED),
      }
    },
  }
}
