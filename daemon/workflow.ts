/** One workflow: its definition in force, the engine's state, and the rows that follow from both. */
import { nextWake } from '../engine/clock.ts'
import { row as engineRow } from '../engine/rows.ts'
import { restore } from '../engine/snapshot.ts'
import { createState, type EngineState } from '../engine/state.ts'
import { step } from '../engine/step.ts'
import { summarise } from '../engine/summary.ts'
import type { Changed, CompiledWorkflow, Effect, EngineEvent } from '../engine/types.ts'
import { instanceKey, jobKey } from '../protocol/ids.ts'
import type { Layer } from '../protocol/permissions.ts'
import type {
  AccountPut,
  Counts,
  Drop,
  JobRow,
  SummaryRow,
  TaskState,
  WorkflowRow,
} from '../protocol/rows.ts'
import type { Definition } from './definition.ts'
import {
  addVersion,
  createLayerVersions,
  fileChanged,
  fromFile,
  inForce,
  type LayerVersion,
  type LayerVersions,
  readVersion,
} from './layer-versions.ts'
import { waitingLayer } from './layers.ts'
import { alarming, clearQuiet, leave, putLive, type ShownCycle } from './shown-cycles.ts'
import {
  createJobTable,
  isFinal,
  type JobTable,
  jobAfter,
  jobFor,
  keyOfJob,
  putJob,
} from './workflow-jobs.ts'
import { presentInstance, presentTask, presentWorkflow } from './workflow-rows.ts'

export type Environment = Record<string, string | null>

export type Workflow = {
  readonly account: string
  readonly workflow: string
  /** Which one of that name: of its jobs too. undefined: from before they were told apart. */
  incarnation: string | undefined
  /** undefined: no definition was ever right. */
  definition: Definition | undefined
  /** The permissions in force: the definition's own, unless those wait for an owner, or somebody asked for others since. */
  layer: Layer | undefined
  readonly versions: LayerVersions
  engine: EngineState | undefined
  /** What was stored by a version that accepted a definition which this one refuses: kept until one fits. */
  unread: { readonly engine: unknown; readonly text: string } | undefined
  problem: string | null
  held: boolean
  readonly environment: Environment
  readonly taskEnvironment: Map<string, Environment>
  readonly cycles: Map<string, ShownCycle>
  /** Cycles without a live instance, the longest quiet first. */
  readonly quiet: Set<string>
  readonly jobs: JobTable
  /** Jobs whose end is awaited, by key: what polls ask about. */
  readonly awaited: Map<string, JobRow>
  readonly means: Map<string, number>
  /** Live instances that somebody should look at. */
  readonly attention: Map<string, SummaryRow['attention'][number]>
  /** How many finished instances are shown that the engine has forgotten, by state. */
  readonly shown: Partial<Record<TaskState, number>>
  shownTotal: number
  at: number
}

export type WorkflowChange = {
  readonly put: AccountPut[]
  readonly drop: Drop[]
  readonly effects: readonly Effect[]
  /** Versions of its permissions that are forgotten. */
  readonly forgotten?: readonly LayerVersion[]
}

export const createWorkflow = (account: string, workflow: string): Workflow => ({
  account,
  workflow,
  incarnation: undefined,
  definition: undefined,
  layer: undefined,
  versions: createLayerVersions(),
  engine: undefined,
  unread: undefined,
  problem: null,
  held: false,
  environment: {},
  taskEnvironment: new Map(),
  cycles: new Map(),
  quiet: new Set(),
  jobs: createJobTable(),
  awaited: new Map(),
  means: new Map(),
  attention: new Map(),
  shown: {},
  shownTotal: 0,
  at: 0,
})

const setJob = (flow: Workflow, row: JobRow, change: WorkflowChange): void => {
  putJob(flow.jobs, row)
  const key = keyOfJob(row)
  if (isFinal(row)) flow.awaited.delete(key)
  else flow.awaited.set(key, row)
  change.put.push({ kind: 'job', key, row })
}

/** What the engine said changed, as rows. */
const project = (flow: Workflow, changed: Changed, at: number, change: WorkflowChange): void => {
  const { engine, definition } = flow
  if (engine === undefined || definition === undefined) return
  for (const key of changed.put) {
    const row = engineRow(engine, key)
    if (row === undefined) continue
    change.put.push(putLive(flow, presentInstance(flow.workflow, row, at)))
    learn(flow, definition.compiled, row.task, row.meanRunMs, change)
  }
  for (const row of changed.dropped.values()) {
    leave(flow, presentInstance(flow.workflow, row, at), change)
    learn(flow, definition.compiled, row.task, row.meanRunMs, change)
  }
  clearQuiet(flow, change)
}

const learn = (
  flow: Workflow,
  compiled: CompiledWorkflow,
  task: string,
  mean: number | undefined,
  change: WorkflowChange,
): void => {
  if (mean === undefined || flow.means.get(task) === mean || !compiled.tasks.has(task)) return
  flow.means.set(task, mean)
  const row = presentTask(flow.workflow, compiled, task, Math.round(mean))
  change.put.push({ kind: 'task', key: taskKey(flow.workflow, task), row })
}

export const taskKey = (workflow: string, task: string): string => `${workflow}//${task}`

export const workflowRowOf = (flow: Workflow): WorkflowRow =>
  presentWorkflow({
    workflow: flow.workflow,
    compiled: flow.definition?.compiled,
    summary: flow.engine === undefined ? undefined : summarise(flow.engine),
    shown: flow.shown as Partial<Counts>,
    held: flow.held,
    problem: flow.problem,
    warnings: flow.definition?.warnings ?? [],
    at: flow.at,
  })

const mostAttention = 8

export const summaryOf = (flow: Workflow): SummaryRow => {
  const rank = (entry: SummaryRow['attention'][number]): number => (alarming.has(entry.state) ? 0 : 1)
  const attention = [...flow.attention.values()]
    .sort((a, b) => rank(a) - rank(b) || b.at - a.at)
    .slice(0, mostAttention)
  return { account: flow.account, ...workflowRowOf(flow), attention }
}

const emptyChange = (): WorkflowChange & { effects: Effect[] } => ({ put: [], drop: [], effects: [] })

const pushWorkflowRow = (flow: Workflow, change: WorkflowChange): void => {
  change.put.push({ kind: 'workflow', key: flow.workflow, row: workflowRowOf(flow) })
}

/** One event of the engine; `host` is where its jobs run. */
export const applyEngine = (flow: Workflow, event: EngineEvent, host: string | null): WorkflowChange => {
  const change = emptyChange()
  if (flow.engine === undefined) return change
  flow.at = Math.max(flow.at, event.at)
  if (event.kind === 'job') {
    const row = jobAfter(flow.jobs, flow.workflow, event)
    if (row !== undefined) setJob(flow, row, change)
  }
  if (
    (event.kind === 'hold' || event.kind === 'release') &&
    event.cycle === undefined &&
    event.task === undefined
  )
    flow.held = event.kind === 'hold'
  const { state, effects, changed } = step(flow.engine, event)
  flow.engine = state
  for (const effect of effects) {
    if (effect.kind === 'submit') setJob(flow, jobFor(flow.workflow, effect, host), change)
    else flow.jobs.killing.add(jobKey(flow.workflow, effect.cycle, effect.task, effect.submit))
  }
  project(flow, changed, event.at, change)
  change.effects.push(...effects)
  if (
    changed.summary ||
    change.put.length > 0 ||
    change.drop.length > 0 ||
    event.kind === 'hold' ||
    event.kind === 'release'
  )
    pushWorkflowRow(flow, change)
  return change
}

type DefinitionTaken = {
  readonly at: number
  readonly host: string | null
  readonly keepsLayer: boolean
  /** Who had it reloaded. */
  readonly by?: { readonly person: string | null; readonly request: string } | undefined
}

/** What a definition says of permissions counts when it is new; until then, what somebody asked for since. */
const takeLayer = (flow: Workflow, layer: Layer | undefined, taken: DefinitionTaken) => {
  const changed = fileChanged(flow.versions, layer)
  const forgotten = changed ? fromFile(flow.versions, layer, { at: taken.at, ...taken.by }) : []
  // Of the file itself the lines may be others.
  if (changed || inForce(flow.versions)?.origin !== 'request') flow.layer = layer
  return forgotten
}

/** Permissions that somebody asked for, whatever the definition says. */
export const applyLayer = (flow: Workflow, version: Omit<LayerVersion, 'version'>): WorkflowChange => {
  const waited = waitingLayer(flow)
  const forgotten = addVersion(flow.versions, version)
  const newest = inForce(flow.versions)
  flow.layer =
    newest === undefined ? undefined : readVersion({ account: flow.account, workflow: flow.workflow }, newest)
  const waits = waitingLayer(flow)
  const problem = flow.problem === waited && waited !== waits ? (waits ?? null) : flow.problem
  return { ...applyProblem(flow, problem, version.at), forgotten }
}

/** A definition that was judged to fit. */
export const applyDefinition = (
  flow: Workflow,
  definition: Definition,
  { at, host, keepsLayer, by }: DefinitionTaken,
): WorkflowChange => {
  const before = flow.definition
  flow.definition = definition
  const forgotten = keepsLayer ? [] : takeLayer(flow, definition.layer, { at, host, keepsLayer, by })
  flow.problem = waitingLayer(flow) ?? null
  flow.engine ??=
    flow.unread === undefined
      ? createState(definition.compiled)
      : restore(definition.compiled, flow.unread.engine)
  flow.unread = undefined
  const reloaded =
    before === undefined
      ? emptyChange()
      : applyEngine(flow, { kind: 'reload', at, workflow: definition.compiled }, host)
  const change: WorkflowChange = { put: [], drop: [], effects: reloaded.effects, forgotten }
  for (const name of before?.compiled.tasks.keys() ?? [])
    if (!definition.compiled.tasks.has(name))
      change.drop.push({ kind: 'task', key: taskKey(flow.workflow, name) })
  for (const name of definition.compiled.tasks.keys())
    change.put.push(taskPut(flow, definition.compiled, name))
  change.put.push(...reloaded.put)
  change.drop.push(...reloaded.drop)
  flow.at = Math.max(flow.at, at)
  pushWorkflowRow(flow, change)
  return change
}

const taskPut = (flow: Workflow, compiled: CompiledWorkflow, name: string): AccountPut => {
  const mean = flow.means.get(name)
  const row = presentTask(flow.workflow, compiled, name, mean === undefined ? null : Math.round(mean))
  return { kind: 'task', key: taskKey(flow.workflow, name), row }
}

export const applyProblem = (flow: Workflow, problem: string | null, at: number): WorkflowChange => {
  const change = emptyChange()
  flow.problem = problem
  flow.at = Math.max(flow.at, at)
  pushWorkflowRow(flow, change)
  return change
}

/** Every row of the workflow, for a snapshot of the feed. */
export const allRows = (flow: Workflow): readonly AccountPut[] => {
  const compiled = flow.definition?.compiled
  return [
    { kind: 'workflow', key: flow.workflow, row: workflowRowOf(flow) },
    ...(compiled === undefined
      ? []
      : [...compiled.tasks.keys()].map((name) => taskPut(flow, compiled, name))),
    ...[...flow.cycles.values()].flatMap((cycle) =>
      [...cycle.rows.values()].map(
        (row): AccountPut => ({
          kind: 'instance',
          key: instanceKey(flow.workflow, row.cycle, row.task),
          row,
        }),
      ),
    ),
    ...[...flow.jobs.byInstance.values()].flatMap((jobs) =>
      [...jobs.values()].map((row): AccountPut => ({ kind: 'job', key: keyOfJob(row), row })),
    ),
  ]
}

/** When it next has something to do by itself. */
export const wakeOf = (flow: Workflow): number | undefined =>
  flow.engine === undefined ? undefined : nextWake(flow.engine)
