/** Whether what a task waits for has happened, read from the records of the cycles. */
import { holds } from './condition.ts'
import { type EngineState, packed } from './state.ts'
import type { Atom, CompiledTask, Gate, Point } from './types.ts'

/** The cycle in which an atom's source is, for a dependant at `point`. */
export const sourcePoint = (state: EngineState, atom: Atom, point: Point): Point =>
  atom.before === undefined || state.sequence === undefined
    ? point
    : state.sequence.before(point, atom.before)

/** Dependence on what is before the first cycle is no dependence. */
export const isPreInitial = (state: EngineState, source: Point): boolean =>
  state.sequence !== undefined && source < state.sequence.initial

/** How many members of a gate's family count, from the records: what `Cycle.gates` keeps ready. */
export const countMembers = (state: EngineState, gate: Gate, point: Point): number => {
  const record = state.cycles.get(point)?.record
  if (record === undefined) return 0
  return gate.members.reduce(
    (count, member) => count + ((packed.outputs(record.get(member) ?? 0) & gate.outputs) !== 0 ? 1 : 0),
    0,
  )
}

export const isSatisfied = (state: EngineState, atom: Atom, point: Point): boolean => {
  const source = sourcePoint(state, atom, point)
  if (isPreInitial(state, source) || source < state.horizon) return true
  const cycle = state.cycles.get(source)
  if (cycle === undefined) return false
  if (atom.kind === 'task') return (packed.outputs(cycle.record.get(atom.source) ?? 0) & atom.outputs) !== 0
  const gate = state.workflow.gates.get(atom.source)
  return gate !== undefined && (cycle.gates.get(gate.key) ?? 0) >= gate.needed
}

/** How many conditions do not hold, and which of those with `|` do. */
export const weighConditions = (
  state: EngineState,
  task: CompiledTask | undefined,
  point: Point,
): { readonly open: number; readonly met: readonly number[] } => {
  let open = 0
  const met: number[] = []
  task?.plan.conditions.forEach((condition, index) => {
    const satisfied = (atom: Atom): boolean => isSatisfied(state, atom, point)
    if (condition.kind === 'atom') {
      if (!satisfied(condition.atom)) open += 1
    } else if (holds(condition.root, satisfied)) met.push(index)
    else open += 1
  })
  return { open, met }
}
