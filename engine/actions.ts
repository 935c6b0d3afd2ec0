/** What people do to single instances. `judge` has said that each makes sense; what does not is left alone. */

import { finish } from './jobs.ts'
import { EXPIRED, FAILED, maskOf, SUBMIT_FAILED, SUCCEEDED, withImplied } from './outputs.ts'
import { cycleAt, type Draft, drop, freshInstance, put } from './pool.ts'
import { submit, unqueued } from './ready.ts'
import { weighConditions } from './satisfied.ts'
import { completeOutputs } from './spawn.ts'
import { type EngineState, findInstance, type Instance, isActive, keyOf } from './state.ts'
import { killEffect } from './summary.ts'
import type { EngineEvent, InstanceState, TriggerEvent } from './types.ts'

type At = { readonly cycle: string; readonly task: string }

/** The instance, brought into being whatever ran before: a person asked for it. */
const summon = (draft: Draft, { cycle, task }: At): Instance | undefined => {
  const { state } = draft
  const known = findInstance(state, cycle, task)
  const point = state.sequence?.parse(cycle)
  const compiled = state.workflow.tasks.get(task)
  if (known !== undefined || point === undefined || compiled === undefined) return known
  const instance = freshInstance(draft, cycleAt(draft, point), task)
  return { ...instance, ...weighConditions(state, compiled, point) }
}

/** A new series of retries begins where the last one is over. */
const trigger = (draft: Draft, event: TriggerEvent, held?: boolean): void => {
  const instance = summon(draft, event)
  if (instance === undefined || isActive(instance.state)) return
  submit(draft, {
    ...instance,
    held: held ?? instance.held,
    forced: true,
    submit: Math.max(instance.submit, event.lastSubmit ?? 0),
    tries: instance.state !== 'waiting' || instance.stopped ? 0 : instance.tries,
  })
}

/** Release and trigger. A wider hold goes on for the others. */
const start = (draft: Draft, event: TriggerEvent): void => {
  draft.state.holds.delete(keyOf(event.cycle, event.task))
  trigger(draft, event, false)
}

const kill = (draft: Draft, at: At): void => {
  const instance = findInstance(draft.state, at.cycle, at.task)
  if (instance === undefined || !isActive(instance.state)) return
  draft.effects.push(killEffect(put(draft, { ...instance, held: true, ending: instance.ending ?? 'kill' })))
}

const stop = (draft: Draft, at: At): void => {
  const instance = findInstance(draft.state, at.cycle, at.task)
  if (instance === undefined) return
  const stopped = { ...unqueued(draft.state, instance), held: true, stopped: true }
  if (isActive(instance.state)) draft.effects.push(killEffect(put(draft, { ...stopped, ending: 'stop' })))
  else if (instance.state === 'waiting') put(draft, { ...stopped, retryAt: undefined })
}

const endings: readonly (readonly [number, InstanceState])[] = [
  [SUCCEEDED, 'succeeded'],
  [FAILED, 'failed'],
  [SUBMIT_FAILED, 'submit-failed'],
  [EXPIRED, 'expired'],
]

/** What `set` completes: what it names, else what the task is required to complete. */
export const outputsToSet = (state: EngineState, event: EngineEvent & { kind: 'set' }): number => {
  const named = (event.outputs ?? []).reduce((mask, output) => mask | maskOf(output), 0)
  const required = state.workflow.tasks.get(event.task)?.plan.completion.required ?? SUCCEEDED
  return withImplied(named === 0 ? required : named)
}

export const finalState = (outputs: number): InstanceState | undefined =>
  endings.find(([bit]) => (outputs & bit) !== 0)?.[1]

const set = (draft: Draft, event: EngineEvent & { kind: 'set' }): void => {
  const { state } = draft
  const outputs = outputsToSet(state, event)
  const final = finalState(outputs)
  const known = findInstance(state, event.cycle, event.task)
  if (final !== undefined) {
    const instance = known ?? summon(draft, event)
    if (instance === undefined || isActive(instance.state)) return
    finish(draft, { ...unqueued(state, instance), state: final, finishedAt: state.now }, outputs)
    return
  }
  if (known !== undefined && known.state !== 'waiting' && !isActive(known.state)) {
    finish(draft, known, outputs)
    return
  }
  const point = state.sequence?.parse(event.cycle)
  if (known !== undefined) put(draft, { ...known, outputs: known.outputs | outputs })
  if (point !== undefined) completeOutputs(draft, point, event.task, outputs)
}

const remove = (draft: Draft, at: At): void => {
  const instance = findInstance(draft.state, at.cycle, at.task)
  if (instance !== undefined && !isActive(instance.state)) drop(draft, instance)
}

export const actions = {
  trigger: (draft: Draft, event: TriggerEvent): void => trigger(draft, event),
  'task-start': start,
  kill,
  'task-stop': stop,
  set,
  remove,
} as const
