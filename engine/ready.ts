/** From ready to submitted: the queues. */
import { activeCount, cycleAt, type Draft, put, queueOf } from './pool.ts'
import { type EngineState, type Instance, packed } from './state.ts'

/** Nothing but its turn (and a running workflow) is missing. */
const isReady = (state: EngineState, instance: Instance): boolean =>
  instance.state === 'waiting' &&
  !instance.held &&
  instance.retryAt === undefined &&
  (instance.forced || (instance.open === 0 && instance.point <= state.released))

/** Queues an instance as soon as it is ready. To be called after any change that can make it so. */
export const consider = (draft: Draft, instance: Instance): void => {
  const { state } = draft
  if (instance.queued || !isReady(state, instance)) return
  const name = queueOf(state, instance.task)
  const queue = state.queues.get(name) ?? new Map()
  state.queues.set(name, queue)
  queue.set(instance.key, { point: instance.point, task: instance.task })
  put(draft, { ...instance, queued: true })
}

/** The instance, no longer in its queue (not yet put). */
export const unqueued = (state: EngineState, instance: Instance): Instance => {
  if (!instance.queued) return instance
  state.queues.get(queueOf(state, instance.task))?.delete(instance.key)
  return { ...instance, queued: false }
}

/** Gives the instance its next job. The number is recorded, so that no other job ever has it. */
export const submit = (draft: Draft, waiting: Instance): void => {
  const { state } = draft
  const task = state.workflow.tasks.get(waiting.task)
  if (task === undefined) return
  const { record } = cycleAt(draft, waiting.point)
  const number = waiting.submit + 1
  record.set(waiting.task, packed.withSubmit(record.get(waiting.task) ?? 0, number))
  const instance = put(draft, {
    ...unqueued(state, waiting),
    state: 'preparing',
    late: false,
    stopped: false,
    ending: undefined,
    retryAt: undefined,
    submit: number,
    tries: waiting.tries + 1,
    submittedAt: undefined,
    startedAt: undefined,
    finishedAt: undefined,
    exit: undefined,
    message: undefined,
  })
  const { cycle, tries } = instance
  draft.effects.push({
    kind: 'submit',
    cycle,
    task: task.name,
    submit: number,
    attempt: tries,
    job: task.job,
  })
}

/** Submits what is queued, as far as the limits of the queues allow. */
export const releaseQueues = (draft: Draft): void => {
  const { state } = draft
  if (state.stage !== 'running') return
  for (const [name, limit] of state.workflow.queues) {
    const queue = state.queues.get(name)
    if (queue === undefined || queue.size === 0) continue
    for (const { point, task } of queue.values()) {
      if (limit > 0 && (state.tallies.activeIn.get(name) ?? 0) >= limit) break
      const instance = state.cycles.get(point)?.instances.get(task)
      if (instance !== undefined) submit(draft, instance)
    }
  }
}

export const isIdle = (state: EngineState): boolean => activeCount(state.tallies) === 0
