/**
 * The public types of the engine. The functions that use them:
 *
 * | file | function |
 * | --- | --- |
 * | compile.ts | `compile(definition: unknown): CompileResult` |
 * | state.ts | `createState(workflow): EngineState` (opaque) — stopped, nothing spawned |
 * | step.ts | `step(state, event): Step` — consumes `state` |
 * | judge.ts | `judge(state, event): Judgement` — before a request is applied |
 * | clock.ts | `nextWake(state): number \| undefined` — when the next `tick` is needed |
 * | rows.ts | `rows(state)`, `row(state, key)` |
 * | summary.ts | `summarise(state): WorkflowSummary`, `pendingEffects(state)` — owed after a restart |
 * | snapshot.ts | `serialise(state): Snapshot`, `restore(workflow, json: unknown): EngineState` |
 *
 * Times are epoch milliseconds and durations milliseconds, unless a name says otherwise.
 */

// ---- definition and its problems

export type ProblemPath = readonly (string | number)[]

/**
 * What is wrong with a definition. `path` leads to the value (for an unknown key: to that key); `within` is
 * the place inside that value's text (1-based), for graphs, whose faults are finer than a YAML value.
 */
export type Problem = {
  readonly path: ProblemPath
  readonly message: string
  readonly within?: { readonly line: number; readonly column: number }
}

export type CompileResult =
  | { readonly ok: true; readonly workflow: CompiledWorkflow; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] }

export type Priority = 'low' | 'normal' | 'high' | 'critical'

export type WorkflowMeta = {
  readonly title?: string | undefined
  readonly description?: string | undefined
  readonly runbook?: string | undefined
  readonly contact?: string | undefined
  readonly priority: Priority
  /** Passed through as written, for people. */
  readonly expectedBy?: string | undefined
}

// ---- the compiled workflow

/** Outputs a job can complete. `expired` is reserved for tasks that miss their time. */
export type Output = 'submitted' | 'submit-failed' | 'started' | 'succeeded' | 'failed' | 'expired'

/** What a runner needs to know to run one job of a task. */
export type JobSettings = {
  readonly script: string
  readonly runner: string
  readonly environment: Readonly<Record<string, string>>
  readonly timeLimitMs?: number
}

export type CompiledTask = {
  readonly name: string
  readonly title?: string
  /** Families from the nearest to the farthest; empty when the task is in none. */
  readonly families: readonly string[]
  readonly job: JobSettings
  readonly retries: { readonly count: number; readonly delayMs: number }
  readonly expectedRunMs?: number
  readonly queue: string
  readonly plan: TaskPlan
}

export type CompiledFamily = {
  readonly name: string
  readonly title?: string
  readonly parent?: string
  /** Tasks of this family and of the families within it, in the order of the definition. */
  readonly members: readonly string[]
}

/** One arrow of the graph, for people to look at; `from` may be a family (then `output` is like `succeed-all`). */
export type GraphEdge = {
  readonly from: string
  readonly to: string
  readonly output: string
  /** As written, e.g. `-P1`; absent within a cycle. */
  readonly offset?: string
  /** Part of an `|` expression: not needed if an alternative holds. */
  readonly alternative: boolean
}

export type CompiledWorkflow = {
  readonly meta: WorkflowMeta
  readonly schedule: Schedule
  readonly tasks: ReadonlyMap<string, CompiledTask>
  readonly families: ReadonlyMap<string, CompiledFamily>
  /** Queue name → how many of its tasks may be active at once; 0 = no limit. `default` is always there. */
  readonly queues: ReadonlyMap<string, number>
  readonly edges: readonly GraphEdge[]
  readonly roots: Roots
  /** Family triggers, by key: the point where N members meet M dependants, so that N + M is stored. */
  readonly gates: ReadonlyMap<string, Gate>
  /** The definition's own `permissions:`, untouched. */
  readonly permissions: unknown
}

/** A cycle point as a number: the integer itself, or epoch milliseconds of a whole UTC minute. */
export type Point = number

export type Schedule = {
  readonly mode: 'integer' | 'datetime'
  /** `now` becomes the UTC minute of the first play. */
  readonly initial: Point | 'now'
  /** A point, or a duration after the initial point; absent = no end. */
  readonly final?: Point | { readonly after: Duration }
  /** Distance of two cycles; absent = a single cycle. */
  readonly step?: Duration
  /** Each cycle waits for the wall clock to reach its point. */
  readonly clock: boolean
  /** How many cycles, from the oldest active one, may be active at once. */
  readonly runahead: number
}

/** An integer number of steps or an ISO 8601 duration; `text` as it was written. */
export type Duration =
  | { readonly kind: 'integer'; readonly count: number; readonly text: string }
  | { readonly kind: 'exact'; readonly ms: number; readonly text: string }
  | { readonly kind: 'calendar'; readonly text: string }

/** What the graph means for one task. Outputs are bits of a mask (outputs.ts). */
export type TaskPlan = {
  /** All must hold before the task may run; each is one atom or a tree with `|` in it. */
  readonly conditions: readonly Condition[]
  /** Dependants by output bit position. */
  readonly children: readonly (readonly ChildEdge[])[]
  /** Gates this task counts for. */
  readonly gates: readonly string[]
  readonly completion: Completion
}

export type Atom = {
  readonly kind: 'task' | 'gate'
  /** Task name, or gate key. */
  readonly source: string
  /** How far before the dependant's cycle the source's is; absent = the same cycle. */
  readonly before?: Duration
  /** Any of these outputs satisfies it (0 for a gate). */
  readonly outputs: number
  /** For people: the qualifier (`succeeded`, `finished`, `succeed-all`). */
  readonly label: string
}

export type Condition =
  | { readonly kind: 'atom'; readonly atom: Atom }
  | { readonly kind: 'tree'; readonly root: ConditionNode; readonly atoms: readonly Atom[] }

export type ConditionNode =
  | { readonly op: 'atom'; readonly atom: Atom }
  | { readonly op: 'all' | 'any'; readonly of: readonly ConditionNode[] }

export type ChildEdge = {
  readonly child: string
  readonly condition: number
  readonly outputs: number
  /** How far after the parent's cycle the dependant's is; absent = the same cycle. */
  readonly after?: Duration
}

export type Gate = {
  readonly key: string
  readonly family: string
  readonly label: string
  readonly members: readonly string[]
  /** A member counts once it has any of these outputs. */
  readonly outputs: number
  /** How many members are needed. */
  readonly needed: number
  readonly children: readonly ChildEdge[]
}

/** Tasks that nothing spawns but the runahead window. */
export type Roots = {
  /** Without any prerequisite. */
  readonly always: readonly string[]
  /** Whose every prerequisite is in an earlier cycle: parentless where all of those are before the first. */
  readonly early: readonly string[]
  /** Every offset that the graph uses, once. */
  readonly offsets: readonly Duration[]
}

export type Completion = {
  /** All of these complete the instance. */
  readonly required: number
  /** Any of these completes it too (an optional failure, an optional submission failure). */
  readonly alternatives: number
}

// ---- instances

export type InstanceState =
  | 'waiting'
  | 'preparing'
  | 'submitted'
  | 'running'
  | 'succeeded'
  | 'failed'
  | 'submit-failed'
  | 'expired'

export type PrerequisiteRow = {
  /** A task, or a family when `output` is a family qualifier such as `succeed-all`. */
  readonly task: string
  readonly cycle: string
  readonly output: string
  readonly satisfied: boolean
}

/** One task instance as others see it: a plain value, a snapshot that stays valid. */
export type InstanceRow = {
  readonly key: string
  readonly cycle: string
  readonly task: string
  readonly state: InstanceState
  readonly held: boolean
  readonly queued: boolean
  /** Beyond the runahead limit. */
  readonly runahead: boolean
  /** The wall clock has not reached its cycle. */
  readonly wallclock: boolean
  /** A person stopped it; while its job is not yet confirmed dead, `state` still says so. */
  readonly stopped: boolean
  readonly late: boolean
  /** When the next try is due. */
  readonly retrying?: number
  /** Number of the latest job; 0 = none yet. */
  readonly submit: number
  readonly submittedAt?: number
  readonly startedAt?: number
  readonly finishedAt?: number
  readonly exit?: number
  /** Mean run time of the task's latest successful jobs: the full turn of a progress arc. */
  readonly meanRunMs?: number
  /** The latest message of the job. */
  readonly message?: string
  readonly flow: readonly number[]
  readonly outputs: readonly Output[]
  readonly prerequisites: readonly PrerequisiteRow[]
}

/** `cycle/task`: the key of an instance within its workflow. */
export type InstanceKey = string

// ---- events

export type JobEventKind = 'submitted' | 'submit-failed' | 'started' | 'succeeded' | 'failed' | 'message'

/** Everything that happens to a workflow. `at` is the time of processing; it never moves the state backwards. */
export type EngineEvent =
  | { readonly kind: 'play'; readonly at: number }
  | { readonly kind: 'pause'; readonly at: number }
  | { readonly kind: 'resume'; readonly at: number }
  /** `clean` waits for active jobs to end, `now` leaves them to themselves. */
  | { readonly kind: 'stop'; readonly at: number; readonly mode: 'clean' | 'now' }
  | { readonly kind: 'tick'; readonly at: number }
  | JobEvent
  /** No cycle and no task = the whole workflow, coming instances included; also before the instance exists. */
  | {
      readonly kind: 'hold' | 'release'
      readonly at: number
      readonly cycle?: string
      readonly task?: string
    }
  | InstanceEvent<'kill' | 'task-stop' | 'remove'>
  | TriggerEvent
  | (InstanceEvent<'set'> & { readonly outputs?: readonly Output[] })
  | { readonly kind: 'reload'; readonly at: number; readonly workflow: CompiledWorkflow }

export type InstanceEvent<K extends string> = {
  readonly kind: K
  readonly at: number
  readonly cycle: string
  readonly task: string
}

/**
 * `trigger`: run now, whatever it waits for. `task-start`: release and trigger.
 * `lastSubmit` is needed for cycles that the engine has forgotten, or a job id would be used twice.
 */
export type TriggerEvent = InstanceEvent<'trigger' | 'task-start'> & { readonly lastSubmit?: number }

export type JobEvent = {
  readonly kind: 'job'
  readonly at: number
  readonly cycle: string
  readonly task: string
  readonly submit: number
  readonly event: JobEventKind
  /** When it happened, if that is known better than `at`. */
  readonly time?: number
  readonly exit?: number
  readonly text?: string
}

// ---- what a step gives back

/** Job ids are (cycle, task, submit): carrying out the same effect twice must be harmless at the receiver. */
export type Effect =
  | {
      readonly kind: 'submit'
      readonly cycle: string
      readonly task: string
      readonly submit: number
      /** Which try of the series this is: 1, 2 after one retry, and so on. */
      readonly attempt: number
      readonly job: JobSettings
    }
  | { readonly kind: 'kill'; readonly cycle: string; readonly task: string; readonly submit: number }

export type Changed = {
  /** Instances that are new or different: ask `row(state, key)`. */
  readonly put: ReadonlySet<InstanceKey>
  /** Instances that left, each as it was at the end. */
  readonly dropped: ReadonlyMap<InstanceKey, InstanceRow>
  /** `summarise(state)` would now answer something else. */
  readonly summary: boolean
}

export type Judgement =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly code: 'instance.unknown' | 'task.unknown' | 'state.conflict'
      readonly detail: string
    }

// ---- the workflow as a whole

export type WorkflowStatus = 'stopped' | 'running' | 'paused' | 'stopping' | 'stalled' | 'finished'

export type StallReason =
  | {
      readonly kind: 'incomplete'
      readonly cycle: string
      readonly task: string
      readonly state: InstanceState
      readonly missing: readonly Output[]
    }
  | {
      readonly kind: 'unsatisfied'
      readonly cycle: string
      readonly task: string
      readonly missing: readonly PrerequisiteRow[]
    }

export type WorkflowSummary = {
  readonly status: WorkflowStatus
  /** Resolved at the first play. */
  readonly initial?: string
  readonly final?: string
  /** Instances in memory, by state. */
  readonly counts: Readonly<Record<InstanceState, number>>
  readonly held: number
  readonly queued: number
  readonly retrying: number
  readonly late: number
  /** Instances completed since the first play. */
  readonly completed: number
  /** Oldest and newest cycle with an instance in memory. */
  readonly oldest?: string
  readonly newest?: string
  /** Why nothing can go on, while the status is `stalled`: the first 20 reasons and how many there are. */
  readonly stall?: { readonly reasons: readonly StallReason[]; readonly total: number }
}
