/** Instances as others see them. */
import { outputsIn } from './outputs.ts'
import { isPreInitial, isSatisfied, sourcePoint } from './satisfied.ts'
import { type EngineState, findInstance, type Instance } from './state.ts'
import type { Atom, InstanceKey, InstanceRow, PrerequisiteRow } from './types.ts'

export const prerequisitesOf = (state: EngineState, instance: Instance): readonly PrerequisiteRow[] => {
  const { sequence, workflow } = state
  const conditions = workflow.tasks.get(instance.task)?.plan.conditions ?? []
  if (sequence === undefined) return []
  const present = (atom: Atom): readonly PrerequisiteRow[] => {
    const source = sourcePoint(state, atom, instance.point)
    if (isPreInitial(state, source)) return []
    const task = atom.kind === 'gate' ? (workflow.gates.get(atom.source)?.family ?? atom.source) : atom.source
    const satisfied = isSatisfied(state, atom, instance.point)
    return [{ task, cycle: sequence.label(source), output: atom.label, satisfied }]
  }
  return conditions.flatMap((condition) =>
    condition.kind === 'atom' ? present(condition.atom) : condition.atoms.flatMap(present),
  )
}

/** `undefined` members are left out: a row goes over the wire as it is. */
const optional = <K extends string, V>(key: K, value: V | undefined): { readonly [key in K]?: V } =>
  value === undefined ? {} : ({ [key]: value } as { readonly [key in K]: V })

export const presentRow = (state: EngineState, instance: Instance): InstanceRow => {
  const { key, cycle, task, held, queued, stopped, late, submit, point } = instance
  const waits = instance.state === 'waiting' && !instance.forced
  return {
    key,
    cycle,
    task,
    state: instance.state,
    held,
    queued,
    runahead: waits && point > state.limit,
    wallclock: waits && point <= state.limit && point > state.released,
    stopped,
    late,
    ...optional('retrying', instance.retryAt),
    submit,
    ...optional('submittedAt', instance.submittedAt),
    ...optional('startedAt', instance.startedAt),
    ...optional('finishedAt', instance.finishedAt),
    ...optional('exit', instance.exit),
    ...optional('meanRunMs', state.means.get(task)?.ms),
    ...optional('message', instance.message),
    flow: [1],
    outputs: outputsIn(instance.outputs),
    prerequisites: prerequisitesOf(state, instance),
  }
}

/** One instance in memory; undefined when there is none of that key (any more). */
export const row = (state: EngineState, key: InstanceKey): InstanceRow | undefined => {
  const slash = key.indexOf('/')
  const instance = findInstance(state, key.slice(0, slash), key.slice(slash + 1))
  return instance === undefined ? undefined : presentRow(state, instance)
}

/** Every instance in memory, the oldest cycle first. */
export const rows = (state: EngineState): readonly InstanceRow[] =>
  [...state.cycles.values()]
    .sort((a, b) => a.point - b.point)
    .flatMap((cycle) => [...cycle.instances.values()].map((instance) => presentRow(state, instance)))
