/** A changed definition under a running workflow, and what restart and reload both have to work out again. */
import { setTimers } from './clock.ts'
import { type Draft, drop, put, tally } from './pool.ts'
import { consider } from './ready.ts'
import { countMembers, weighConditions } from './satisfied.ts'
import { createSequence } from './sequence.ts'
import { type EngineState, emptyTallies, type InstanceRef, isActive } from './state.ts'
import type { CompiledWorkflow, Schedule } from './types.ts'

/** Works out from records and instances what is kept ready beside them: gates, tallies. */
export const recount = (state: EngineState): void => {
  state.tallies = emptyTallies()
  for (const cycle of state.cycles.values()) {
    cycle.gates.clear()
    for (const gate of state.workflow.gates.values()) {
      const count = countMembers(state, gate, cycle.point)
      if (count > 0) cycle.gates.set(gate.key, count)
    }
    for (const instance of cycle.instances.values()) tally(state, state.tallies, instance, 1)
  }
}

/** Conditions are numbered anew by each definition, so what holds of them is read from the records. */
export const reweigh = (draft: Draft): void => {
  const { state } = draft
  for (const { point, instances } of [...state.cycles.values()]) {
    for (const instance of [...instances.values()]) {
      const weighed = weighConditions(state, state.workflow.tasks.get(instance.task), point)
      instances.set(instance.task, { ...instance, ...weighed })
    }
  }
}

/** `PT60M` is `PT1H`; calendar steps are compared as they are written. */
const isSameStep = (from: Schedule['step'], to: Schedule['step']): boolean => {
  if (from?.kind === 'exact' && to?.kind === 'exact') return from.ms === to.ms
  if (from?.kind === 'integer' && to?.kind === 'integer') return from.count === to.count
  return from?.text === to?.text
}

/** Why a running workflow cannot go on under that schedule, or undefined. */
export const scheduleConflict = (from: Schedule, to: Schedule): string | undefined => {
  const isSame = from.mode === to.mode && from.initial === to.initial && isSameStep(from.step, to.step)
  return isSame
    ? undefined
    : 'The initial point and the recurrence of a workflow that has run cannot be changed.'
}

/**
 * Takes the new definition. Instances stay, with their new settings from their next job on; those whose task
 * is gone leave, or end their job first. New parentless tasks begin with the next cycle.
 */
export const reload = (draft: Draft, workflow: CompiledWorkflow): void => {
  const { state } = draft
  const { sequence } = state
  const queued: InstanceRef[] = [...state.queues.values()].flatMap((queue) => [...queue.values()])
  state.queues.clear()
  state.workflow = workflow
  if (sequence !== undefined) state.sequence = createSequence(workflow.schedule, sequence.initial)
  reweigh(draft)
  recount(state)
  setTimers(state)
  draft.summary = true
  for (const { instances } of [...state.cycles.values()]) {
    for (const instance of [...instances.values()]) {
      const plain = put(draft, { ...instance, queued: false })
      if (!workflow.tasks.has(plain.task) && !isActive(plain.state)) drop(draft, plain)
    }
  }
  const turns = [...queued, ...[...state.cycles.values()].flatMap(({ instances }) => [...instances.values()])]
  for (const { point, task } of turns) {
    const instance = state.cycles.get(point)?.instances.get(task)
    if (instance !== undefined) consider(draft, instance)
  }
}
