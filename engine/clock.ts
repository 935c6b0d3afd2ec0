/** Time that has passed: due retries become ready, jobs that run too long become late. */
import { type Draft, put } from './pool.ts'
import { consider } from './ready.ts'
import type { EngineState, Instance } from './state.ts'
import type { Timer } from './timers.ts'
import { nextRelease } from './window.ts'

const instanceOf = (state: EngineState, { point, task }: Timer): Instance | undefined =>
  state.cycles.get(point)?.instances.get(task)

/** What a late timer stands for: this run, unless it is over or known to be late. */
const lateAt = (state: EngineState, instance: Instance): number | undefined => {
  const expected = state.workflow.tasks.get(instance.task)?.expectedRunMs
  if (instance.state !== 'running' || instance.late || instance.startedAt === undefined) return undefined
  return expected === undefined ? undefined : instance.startedAt + expected
}

/** Timers are not taken back when their reason goes; they are recognised by it instead. */
const isDue = (state: EngineState, timer: Timer): boolean => {
  const instance = instanceOf(state, timer)
  if (instance === undefined) return false
  return (timer.kind === 'retry' ? instance.retryAt : lateAt(state, instance)) === timer.at
}

const fire = (draft: Draft, timer: Timer): void => {
  const instance = instanceOf(draft.state, timer)
  if (instance === undefined || !isDue(draft.state, timer)) return
  if (timer.kind === 'late') put(draft, { ...instance, late: true })
  else consider(draft, put(draft, { ...instance, retryAt: undefined }))
}

export const passTime = (draft: Draft, at: number): void => {
  const { state } = draft
  state.now = Math.max(state.now, at)
  for (let timer = state.timers.peek(); timer && timer.at <= state.now; timer = state.timers.peek()) {
    state.timers.pop()
    fire(draft, timer)
  }
}

/**
 * When the next `tick` is needed, if nothing else happens before; undefined = no tick is needed. Of what
 * is due while the workflow is stopped nothing runs, but it is dealt with, so a tick is never needed twice.
 */
export const nextWake = (state: EngineState): number | undefined => {
  const { timers } = state
  for (let timer = timers.peek(); timer && !isDue(state, timer); timer = timers.peek()) timers.pop()
  const due = timers.peek()?.at
  const released = state.stage === 'running' || state.stage === 'paused' ? nextRelease(state) : undefined
  if (due === undefined || released === undefined) return due ?? released
  return Math.min(due, released)
}

/** After a restart or a reload: every instance's timers. */
export const setTimers = (state: EngineState): void => {
  for (const { instances } of state.cycles.values()) {
    for (const instance of instances.values()) {
      const { point, task, retryAt } = instance
      const late = lateAt(state, instance)
      if (retryAt !== undefined) state.timers.add({ at: retryAt, kind: 'retry', point, task })
      if (late !== undefined) state.timers.add({ at: late, kind: 'late', point, task })
    }
  }
}
