/** The workflow as one line of a wall shows it, and what is owed to it after a restart. */
import type { EngineState, Instance } from './state.ts'
import { stallReasons, statusOf } from './status.ts'
import type { Effect, WorkflowSummary } from './types.ts'

export const summarise = (state: EngineState): WorkflowSummary => {
  const { sequence, tallies } = state
  const status = statusOf(state)
  const points = [...state.cycles.values()]
    .filter(({ instances }) => instances.size > 0)
    .map(({ point }) => point)
  const label = (point: number): string => sequence?.label(point) ?? String(point)
  return {
    status,
    ...(sequence === undefined ? {} : { initial: label(sequence.initial) }),
    ...(sequence?.final === undefined ? {} : { final: label(sequence.final) }),
    counts: { ...tallies.states },
    held: tallies.held,
    queued: tallies.queued,
    retrying: tallies.retrying,
    late: tallies.late,
    completed: state.completed,
    ...(points.length === 0
      ? {}
      : {
          oldest: label(points.reduce((a, b) => Math.min(a, b))),
          newest: label(points.reduce((a, b) => Math.max(a, b))),
        }),
    ...(status === 'stalled' ? { stall: stallReasons(state) } : {}),
  }
}

export const killEffect = ({ cycle, task, submit }: Instance): Effect => ({
  kind: 'kill',
  cycle,
  task,
  submit,
})

/** What was asked for and may not have been carried out: to be carried out again after a restart. */
export const pendingEffects = (state: EngineState): readonly Effect[] => {
  const effects: Effect[] = []
  for (const { instances } of state.cycles.values()) {
    for (const instance of instances.values()) {
      const task = state.workflow.tasks.get(instance.task)
      if (instance.state === 'preparing' && instance.ending === undefined && task !== undefined) {
        const { cycle, submit, tries } = instance
        effects.push({ kind: 'submit', cycle, task: task.name, submit, attempt: tries, job: task.job })
      }
      if (instance.ending !== undefined) effects.push(killEffect(instance))
    }
  }
  return effects
}
