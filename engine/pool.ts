/** The one place where instances enter, change and leave: it keeps the tallies and notes what changed. */
import { DEFAULT_QUEUE } from './defaults.ts'
import { presentRow } from './rows.ts'
import {
  type Cycle,
  createCycle,
  type EngineState,
  type Instance,
  isActive,
  keyOf,
  packed,
  type Tallies,
} from './state.ts'
import type { Effect, InstanceKey, InstanceRow, Point } from './types.ts'

/** One step in the making. */
export type Draft = {
  readonly state: EngineState
  readonly effects: Effect[]
  readonly put: Set<InstanceKey>
  readonly dropped: Map<InstanceKey, InstanceRow>
  summary: boolean
  /** A cycle became empty, or the first one full: the runahead window may move. */
  windowMoved: boolean
}

export const createDraft = (state: EngineState): Draft => ({
  state,
  effects: [],
  put: new Set(),
  dropped: new Map(),
  summary: false,
  windowMoved: false,
})

export const queueOf = (state: EngineState, task: string): string =>
  state.workflow.tasks.get(task)?.queue ?? DEFAULT_QUEUE

/** Adds (or takes away, with -1) what one instance counts for. */
export const tally = (state: EngineState, tallies: Tallies, instance: Instance, by: 1 | -1): void => {
  tallies.instances += by
  tallies.states[instance.state] += by
  if (instance.held) tallies.held += by
  if (instance.held && instance.state === 'waiting') tallies.heldWaiting += by
  if (instance.queued) tallies.queued += by
  if (instance.retryAt !== undefined) tallies.retrying += by
  if (instance.late) tallies.late += by
  if (!isActive(instance.state)) return
  const queue = queueOf(state, instance.task)
  tallies.activeIn.set(queue, (tallies.activeIn.get(queue) ?? 0) + by)
}

const countsAlike = (a: Instance, b: Instance): boolean =>
  a.state === b.state &&
  a.held === b.held &&
  a.queued === b.queued &&
  (a.retryAt === undefined) === (b.retryAt === undefined) &&
  a.late === b.late

export const activeCount = ({ states }: Tallies): number =>
  states.preparing + states.submitted + states.running

/** The cycle of a point on the schedule, made when it is first needed. */
export const cycleAt = (draft: Draft, point: Point): Cycle => {
  const { cycles, sequence } = draft.state
  const known = cycles.get(point)
  if (known !== undefined) return known
  const cycle = createCycle(point, sequence?.label(point) ?? String(point))
  cycles.set(point, cycle)
  return cycle
}

/** Puts an instance in, or replaces it. */
export const put = (draft: Draft, instance: Instance): Instance => {
  const { state } = draft
  const cycle = cycleAt(draft, instance.point)
  const earlier = cycle.instances.get(instance.task)
  if (earlier === undefined) {
    if (cycle.instances.size === 0) draft.windowMoved = true
    draft.summary = true
    draft.dropped.delete(instance.key)
    tally(state, state.tallies, instance, 1)
  } else if (!countsAlike(earlier, instance)) {
    draft.summary = true
    tally(state, state.tallies, earlier, -1)
    tally(state, state.tallies, instance, 1)
  }
  cycle.instances.set(instance.task, instance)
  draft.put.add(instance.key)
  return instance
}

/** Takes an instance out for good; the cycle's record keeps that it was there. */
export const drop = (draft: Draft, instance: Instance): void => {
  const { state } = draft
  const cycle = cycleAt(draft, instance.point)
  const last = presentRow(state, instance)
  if (!cycle.instances.delete(instance.task)) return
  state.queues.get(queueOf(state, instance.task))?.delete(instance.key)
  tally(state, state.tallies, instance, -1)
  draft.put.delete(instance.key)
  draft.dropped.set(instance.key, last)
  draft.summary = true
  if (cycle.instances.size === 0) draft.windowMoved = true
}

/** A fresh instance, waiting; held if something was held before it came to be. */
export const freshInstance = (draft: Draft, cycle: Cycle, task: string): Instance => {
  const { holds } = draft.state
  const record = cycle.record.get(task) ?? 0
  const key = keyOf(cycle.label, task)
  cycle.record.set(task, packed.withSpawned(record))
  const held = holds.size > 0 && ['*', task, keyOf(cycle.label, ''), key].some((scope) => holds.has(scope))
  // The instance itself carries it from here on.
  holds.delete(key)
  return {
    key,
    point: cycle.point,
    cycle: cycle.label,
    task,
    state: 'waiting',
    held,
    queued: false,
    stopped: false,
    late: false,
    forced: false,
    ending: undefined,
    retryAt: undefined,
    submit: packed.submit(record),
    tries: 0,
    submittedAt: undefined,
    startedAt: undefined,
    finishedAt: undefined,
    exit: undefined,
    message: undefined,
    outputs: 0,
    open: 0,
    met: [],
  }
}
