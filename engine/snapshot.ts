/** The state as a JSON value and back. What follows from the rest (gates, conditions, timers, counts) is not stored. */
import { z } from 'zod/mini'
import { SeneschalError } from '../protocol/errors.ts'
import { setTimers } from './clock.ts'
import { createDraft } from './pool.ts'
import { recount, reweigh } from './reload.ts'
import { createSequence } from './sequence.ts'
import {
  createCycle,
  createState,
  type EngineState,
  type Instance,
  type InstanceRef,
  keyOf,
} from './state.ts'
import type { CompiledWorkflow, InstanceKey } from './types.ts'

const VERSION = 1

const point = z.number()
const time = z.optional(z.number())
const count = z.int().check(z.gte(0))

const instanceShape = z.strictObject({
  task: z.string(),
  state: z.enum([
    'waiting',
    'preparing',
    'submitted',
    'running',
    'succeeded',
    'failed',
    'submit-failed',
    'expired',
  ]),
  held: z.boolean(),
  queued: z.boolean(),
  stopped: z.boolean(),
  late: z.boolean(),
  forced: z.boolean(),
  ending: z.optional(z.enum(['kill', 'stop'])),
  retryAt: time,
  submit: count,
  tries: count,
  submittedAt: time,
  startedAt: time,
  finishedAt: time,
  exit: time,
  message: z.optional(z.string()),
  outputs: count,
})

const cycleShape = z.strictObject({
  point,
  record: z.array(z.tuple([z.string(), count])),
  instances: z.array(instanceShape),
})

const snapshotShape = z.strictObject({
  version: z.literal(VERSION),
  stage: z.enum(['stopped', 'running', 'paused', 'stopping']),
  now: z.number(),
  /** Absent before the first play, with all the points that then are not known. */
  initial: z.optional(point),
  next: z.optional(point),
  begun: z.optional(point),
  limit: z.optional(point),
  released: z.optional(point),
  horizon: z.optional(point),
  holds: z.array(z.string()),
  queues: z.array(z.tuple([z.string(), z.array(z.tuple([point, z.string()]))])),
  completed: count,
  means: z.array(z.tuple([z.string(), z.int(), z.number()])),
  cycles: z.array(cycleShape),
})

export type Snapshot = z.infer<typeof snapshotShape>
type StoredInstance = z.infer<typeof instanceShape>

/** JSON has no infinity; absent stands for "before everything". */
const finite = <K extends string>(key: K, value: number | undefined): { readonly [key in K]?: number } =>
  value === undefined || value === Number.NEGATIVE_INFINITY
    ? {}
    : ({ [key]: value } as { readonly [key in K]: number })

/** What JSON leaves out. */
const blank = {
  ending: undefined,
  retryAt: undefined,
  submittedAt: undefined,
  startedAt: undefined,
  finishedAt: undefined,
  exit: undefined,
  message: undefined,
}

const store = (instance: Instance): StoredInstance => {
  const { key: _, point: __, cycle: ___, open: ____, met: _____, ...stored } = instance
  return Object.fromEntries(
    Object.entries(stored).filter(([, value]) => value !== undefined),
  ) as StoredInstance
}

export const serialise = (state: EngineState): Snapshot => ({
  version: VERSION,
  stage: state.stage,
  now: state.now,
  ...finite('initial', state.sequence?.initial),
  ...finite('next', state.next),
  ...finite('begun', state.begun),
  ...finite('limit', state.limit),
  ...finite('released', state.released),
  ...finite('horizon', state.horizon),
  holds: [...state.holds],
  queues: [...state.queues]
    .filter(([, queue]) => queue.size > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, queue]) => [name, [...queue.values()].map(({ point, task }) => [point, task])]),
  completed: state.completed,
  means: [...state.means].map(([task, { runs, ms }]) => [task, runs, ms]),
  cycles: [...state.cycles.values()].map((cycle) => ({
    point: cycle.point,
    record: [...cycle.record],
    instances: [...cycle.instances.values()].map(store),
  })),
})

/**
 * The state that was serialised, under the same definition. Afterwards the effects in `pendingEffects` are
 * owed. Throws `state.unreadable` for anything that `serialise` did not write.
 */
export const restore = (workflow: CompiledWorkflow, json: unknown): EngineState => {
  const parsed = snapshotShape.safeParse(json)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new SeneschalError('state.unreadable', `${issue?.path.join('.')}: ${issue?.message}`)
  }
  const stored = parsed.data
  const state = createState(workflow)
  state.stage = stored.stage
  state.now = stored.now
  state.completed = stored.completed
  for (const scope of stored.holds) state.holds.add(scope)
  for (const [task, runs, ms] of stored.means) state.means.set(task, { runs, ms })
  if (stored.initial === undefined) return state

  const sequence = createSequence(workflow.schedule, stored.initial)
  state.sequence = sequence
  state.next = stored.next
  state.begun = stored.begun ?? state.begun
  state.limit = stored.limit ?? state.limit
  state.released = stored.released ?? state.released
  state.horizon = stored.horizon ?? state.horizon
  for (const { point: at, record, instances } of stored.cycles) {
    const cycle = createCycle(at, sequence.label(at))
    state.cycles.set(at, cycle)
    for (const [task, value] of record) cycle.record.set(task, value)
    for (const instance of instances) {
      const key = keyOf(cycle.label, instance.task)
      cycle.instances.set(instance.task, {
        ...blank,
        ...instance,
        key,
        point: at,
        cycle: cycle.label,
        open: 0,
        met: [],
      })
    }
  }
  for (const [name, entries] of stored.queues) {
    const queue = new Map<InstanceKey, InstanceRef>()
    for (const [at, task] of entries) queue.set(keyOf(sequence.label(at), task), { point: at, task })
    state.queues.set(name, queue)
  }
  recount(state)
  reweigh(createDraft(state))
  setTimers(state)
  return state
}
