/** What the workflow as a whole is doing, and why it cannot go on. */
import { outputsIn } from './outputs.ts'
import { activeCount } from './pool.ts'
import { prerequisitesOf } from './rows.ts'
import type { EngineState } from './state.ts'
import type { StallReason, WorkflowStatus } from './types.ts'
import { nextRelease, nextToSpawn } from './window.ts'

/** Something goes on, or will by itself, or a person keeps it from going on. */
const isAlive = (state: EngineState): boolean => {
  const { tallies } = state
  return (
    activeCount(tallies) > 0 ||
    tallies.queued > 0 ||
    tallies.retrying > 0 ||
    tallies.heldWaiting > 0 ||
    nextRelease(state) !== undefined
  )
}

export const statusOf = (state: EngineState): WorkflowStatus => {
  if (state.stage !== 'running') return state.stage
  if (isAlive(state)) return 'running'
  if (state.tallies.instances > 0) return 'stalled'
  return nextToSpawn(state) === undefined ? 'finished' : 'running'
}

const MOST_REASONS = 20

/** Why nothing can go on: incomplete instances, and those whose prerequisites nothing will satisfy. */
export const stallReasons = (
  state: EngineState,
): { readonly reasons: readonly StallReason[]; readonly total: number } => {
  const reasons: StallReason[] = []
  let total = 0
  const add = (reason: () => StallReason): void => {
    total += 1
    if (reasons.length < MOST_REASONS) reasons.push(reason())
  }
  const cycles = [...state.cycles.values()].sort((a, b) => a.point - b.point)
  for (const instance of cycles.flatMap((cycle) => [...cycle.instances.values()])) {
    const { cycle, task } = instance
    if (instance.state !== 'waiting') {
      const required = state.workflow.tasks.get(task)?.plan.completion.required ?? 0
      const missing = outputsIn(required & ~instance.outputs)
      add(() => ({ kind: 'incomplete', cycle, task, state: instance.state, missing }))
    } else if (instance.open > 0) {
      const missing = () => prerequisitesOf(state, instance).filter(({ satisfied }) => !satisfied)
      add(() => ({ kind: 'unsatisfied', cycle, task, missing: missing() }))
    }
  }
  return { reasons, total }
}
