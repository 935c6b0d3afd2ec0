/** Spawn on demand: an output completed by one instance brings its dependants into being, or nearer to running. */
import { holds } from './condition.ts'
import { OUTPUT_BITS } from './outputs.ts'
import { cycleAt, type Draft, freshInstance, put } from './pool.ts'
import { consider } from './ready.ts'
import { isSatisfied, weighConditions } from './satisfied.ts'
import { type EngineState, type Instance, packed } from './state.ts'
import type { ChildEdge, InstanceKey, Point } from './types.ts'

/** Whether the flow reaches that far: on the schedule, not past its end, not in the forgotten past. */
const isReachable = (state: EngineState, point: Point): boolean => {
  const final = state.sequence?.final
  return point >= state.horizon && (final === undefined || point <= final)
}

/**
 * The instance, brought into being if it never was in this flow; undefined if it ran already, is out of
 * reach, or its task is not in the definition.
 */
export const spawn = (
  draft: Draft,
  point: Point,
  name: string,
): { readonly instance: Instance; readonly isNew: boolean } | undefined => {
  const { state } = draft
  if (!isReachable(state, point)) return undefined
  const cycle = cycleAt(draft, point)
  const known = cycle.instances.get(name)
  if (known !== undefined) return { instance: known, isNew: false }
  const task = state.workflow.tasks.get(name)
  if (task === undefined || packed.spawned(cycle.record.get(name) ?? 0)) return undefined
  const instance = { ...freshInstance(draft, cycle, name), ...weighConditions(state, task, point) }
  return { instance: put(draft, instance), isNew: true }
}

/** One more condition of an existing instance may hold. */
const satisfy = (draft: Draft, instance: Instance, index: number): void => {
  const { state } = draft
  const condition = state.workflow.tasks.get(instance.task)?.plan.conditions[index]
  if (condition === undefined || instance.open === 0) return
  if (condition.kind === 'atom') {
    consider(draft, put(draft, { ...instance, open: instance.open - 1 }))
    return
  }
  if (instance.met.includes(index)) return
  const holdsNow = holds(condition.root, (atom) => isSatisfied(state, atom, instance.point))
  const met = holdsNow ? [...instance.met, index] : instance.met
  consider(draft, put(draft, { ...instance, open: holdsNow ? instance.open - 1 : instance.open, met }))
}

/**
 * Completes outputs of a task in a cycle: those new to the flow reach the dependants. All records are
 * written before the first dependant is looked at, so that one spawned here counts everything at once.
 */
export const completeOutputs = (draft: Draft, point: Point, task: string, outputs: number): void => {
  const { state } = draft
  const cycle = cycleAt(draft, point)
  const record = cycle.record.get(task) ?? 0
  const before = packed.outputs(record)
  const after = before | outputs
  const plan = state.workflow.tasks.get(task)?.plan
  if (after === before) return
  cycle.record.set(task, packed.withOutputs(record, outputs))
  if (plan === undefined) return

  const counted = plan.gates
    .map((key) => state.workflow.gates.get(key))
    .filter((gate) => gate !== undefined)
    .filter((gate) => (before & gate.outputs) === 0 && (after & gate.outputs) !== 0)
  for (const gate of counted) cycle.gates.set(gate.key, (cycle.gates.get(gate.key) ?? 0) + 1)

  const born = new Set<InstanceKey>()
  /** `satisfied` false = the dependant comes into being, with this condition still open. */
  const reach = (edge: ChildEdge, satisfied: boolean): void => {
    const points = edge.after === undefined ? [point] : (state.sequence?.after(point, edge.after) ?? [])
    for (const target of points) {
      const spawned = spawn(draft, target, edge.child)
      if (spawned === undefined) continue
      const { instance, isNew } = spawned
      if (isNew) {
        born.add(instance.key)
        consider(draft, instance)
      } else if (satisfied && !born.has(instance.key)) satisfy(draft, instance, edge.condition)
    }
  }

  for (let bit = 0; bit < OUTPUT_BITS; bit += 1) {
    if ((after & ~before & (1 << bit)) === 0) continue
    for (const edge of plan.children[bit] ?? []) {
      const fresh = after & edge.outputs
      const lowest = fresh & -fresh
      // An edge for several outputs counts once: not if one of them was there, and at the first of the new ones.
      if ((before & edge.outputs) === 0 && lowest === 1 << bit) reach(edge, true)
    }
  }
  for (const gate of counted) {
    const count = cycle.gates.get(gate.key) ?? 0
    if (count === gate.needed) for (const edge of gate.children) reach(edge, true)
    else if (count === 1) for (const edge of gate.children) reach(edge, false)
  }
}
