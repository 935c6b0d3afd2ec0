/**
 * What the engine knows. The container is opaque to callers and changes in place; instances in it are
 * replaced, never changed, so that one handed out stays what it was.
 */
import { OUTPUT_BITS, OUTPUT_MASK } from './outputs.ts'
import type { Sequence } from './sequence.ts'
import { createTimers, type Timers } from './timers.ts'
import type { CompiledWorkflow, InstanceKey, InstanceState, Point } from './types.ts'

export type Instance = {
  readonly key: InstanceKey
  readonly point: Point
  readonly cycle: string
  readonly task: string
  readonly state: InstanceState
  readonly held: boolean
  readonly queued: boolean
  readonly stopped: boolean
  readonly late: boolean
  /** Triggered by a person: prerequisites, runahead and clock do not matter any more. */
  readonly forced: boolean
  /** A kill is owed, and what its outcome will mean: a failure like any other, or nothing. */
  readonly ending: 'kill' | 'stop' | undefined
  readonly retryAt: number | undefined
  readonly submit: number
  /** Submissions since the series of retries began. */
  readonly tries: number
  readonly submittedAt: number | undefined
  readonly startedAt: number | undefined
  readonly finishedAt: number | undefined
  readonly exit: number | undefined
  readonly message: string | undefined
  /** Completed by this instance; the cycle's record also keeps what earlier runs completed. */
  readonly outputs: number
  /** Conditions that do not hold yet. */
  readonly open: number
  /** Which of the conditions with `|` hold: once they do, more of their atoms must not count again. */
  readonly met: readonly number[]
}

export type Cycle = {
  readonly point: Point
  readonly label: string
  /** What ran, by task: see `packed`. Stays when the instance has left. */
  readonly record: Map<string, number>
  readonly instances: Map<string, Instance>
  /** How many members count, by gate. */
  readonly gates: Map<string, number>
}

export type InstanceRef = { readonly point: Point; readonly task: string }

export type Tallies = {
  readonly states: Record<InstanceState, number>
  instances: number
  held: number
  heldWaiting: number
  queued: number
  retrying: number
  late: number
  /** Preparing, submitted or running, by queue. */
  readonly activeIn: Map<string, number>
}

export type EngineState = {
  workflow: CompiledWorkflow
  stage: 'stopped' | 'running' | 'paused' | 'stopping'
  /** The latest time seen; never goes back. */
  now: number
  /** Known from the first play on. */
  sequence: Sequence | undefined
  readonly cycles: Map<Point, Cycle>
  /** The next point whose parentless tasks are to be spawned; undefined = there are no more points. */
  next: Point | undefined
  /** The latest point whose parentless tasks were spawned. */
  begun: Point
  /** The last point within the runahead limit. */
  limit: Point
  /** The last point whose instances may run: within the limit, and reached by the clock. */
  released: Point
  /** What ran before this point is forgotten: all of it counts as having run. */
  horizon: Point
  /** What is held before it exists: `*`, a task, `cycle/`, or an instance key. */
  readonly holds: Set<string>
  /** Ready and waiting for their turn, by queue, first come first served. */
  readonly queues: Map<string, Map<InstanceKey, InstanceRef>>
  readonly timers: Timers
  tallies: Tallies
  completed: number
  /** Mean run time of the latest successful jobs. */
  readonly means: Map<string, { readonly runs: number; readonly ms: number }>
}

export const emptyTallies = (): Tallies => ({
  states: {
    waiting: 0,
    preparing: 0,
    submitted: 0,
    running: 0,
    succeeded: 0,
    failed: 0,
    'submit-failed': 0,
    expired: 0,
  },
  instances: 0,
  held: 0,
  heldWaiting: 0,
  queued: 0,
  retrying: 0,
  late: 0,
  activeIn: new Map(),
})

/** A workflow that never ran: stopped, with nothing spawned. */
export const createState = (workflow: CompiledWorkflow): EngineState => ({
  workflow,
  stage: 'stopped',
  now: 0,
  sequence: undefined,
  cycles: new Map(),
  next: undefined,
  begun: Number.NEGATIVE_INFINITY,
  limit: Number.NEGATIVE_INFINITY,
  released: Number.NEGATIVE_INFINITY,
  horizon: Number.NEGATIVE_INFINITY,
  holds: new Set(),
  queues: new Map(),
  timers: createTimers(),
  tallies: emptyTallies(),
  completed: 0,
  means: new Map(),
})

export const createCycle = (point: Point, label: string): Cycle => ({
  point,
  label,
  record: new Map(),
  instances: new Map(),
  gates: new Map(),
})

/** A record packs completed outputs, whether the task was spawned, and the last submit number into one integer. */
const SPAWNED = 1 << OUTPUT_BITS
const SUBMIT_SHIFT = OUTPUT_BITS + 1

export const packed = {
  outputs: (record: number): number => record & OUTPUT_MASK,
  spawned: (record: number): boolean => (record & SPAWNED) !== 0,
  submit: (record: number): number => record >>> SUBMIT_SHIFT,
  withOutputs: (record: number, outputs: number): number => record | outputs,
  withSpawned: (record: number): number => record | SPAWNED,
  withSubmit: (record: number, submit: number): number =>
    (record & ((1 << SUBMIT_SHIFT) - 1)) | (submit << SUBMIT_SHIFT),
} as const

export const isActive = (state: InstanceState): boolean =>
  state === 'preparing' || state === 'submitted' || state === 'running'

export const keyOf = (cycle: string, task: string): InstanceKey => `${cycle}/${task}`

/** The instance of that label and task, if it is in memory. */
export const findInstance = (state: EngineState, cycle: string, task: string): Instance | undefined => {
  const point = state.sequence?.parse(cycle)
  return point === undefined ? undefined : state.cycles.get(point)?.instances.get(task)
}
