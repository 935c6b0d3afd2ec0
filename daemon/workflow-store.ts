/** A workflow as a JSON value and back. */
import { rows as engineRows } from '../engine/rows.ts'
import { restore, serialise } from '../engine/snapshot.ts'
import type { Layer } from '../protocol/permissions.ts'
import type { InstanceRow, JobRow } from '../protocol/rows.ts'
import type { Definition } from './definition.ts'
import { firstVersions, type LayerVersions, restoreVersions, storeVersions } from './layer-versions.ts'
import { countShown, cycleOf, putLive } from './shown-cycles.ts'
import { createWorkflow, type Environment, type Workflow } from './workflow.ts'
import { isFinal, keyOfJob, putJob } from './workflow-jobs.ts'

export type StoredWorkflow = {
  readonly account: string
  readonly workflow: string
  /** Absent in what an earlier version stored, whose jobs have none either. */
  readonly incarnation?: string
  readonly text: string | null
  /** The permissions in force; absent in what an earlier version stored, where they were always the definition's. */
  readonly layer?: Layer | null
  /** Absent in what an earlier version stored. */
  readonly versions?: LayerVersions
  readonly engine: unknown
  readonly problem: string | null
  readonly held: boolean
  readonly environment: Environment
  readonly taskEnvironment: readonly (readonly [string, Environment])[]
  readonly rows: readonly InstanceRow[]
  readonly quiet: readonly string[]
  readonly jobs: readonly JobRow[]
  readonly killing: readonly string[]
  readonly means: readonly (readonly [string, number])[]
  readonly at: number
}

export const storeWorkflow = (flow: Workflow): StoredWorkflow => ({
  account: flow.account,
  workflow: flow.workflow,
  ...(flow.incarnation === undefined ? {} : { incarnation: flow.incarnation }),
  text: flow.definition?.text ?? flow.unread?.text ?? null,
  layer: flow.layer ?? null,
  versions: storeVersions(flow.versions),
  engine: flow.engine === undefined ? (flow.unread?.engine ?? null) : serialise(flow.engine),
  problem: flow.problem,
  held: flow.held,
  environment: { ...flow.environment },
  taskEnvironment: [...flow.taskEnvironment].map(([task, environment]) => [task, { ...environment }]),
  rows: [...flow.cycles.values()].flatMap((cycle) => [...cycle.rows.values()]),
  quiet: [...flow.quiet],
  jobs: [...flow.jobs.byInstance.values()].flatMap((jobs) => [...jobs.values()]),
  killing: [...flow.jobs.killing],
  means: [...flow.means],
  at: flow.at,
})

export const restoreWorkflow = (stored: StoredWorkflow, definition: Definition | undefined): Workflow => {
  const layer = stored.layer === undefined ? definition?.layer : (stored.layer ?? undefined)
  const flow: Workflow = {
    ...createWorkflow(stored.account, stored.workflow),
    layer,
    versions: restoreVersions(stored.versions) ?? firstVersions(layer, stored.at),
  }
  flow.incarnation = stored.incarnation
  flow.definition = definition
  flow.problem = stored.problem
  flow.held = stored.held
  flow.at = stored.at
  Object.assign(flow.environment, stored.environment)
  for (const [task, environment] of stored.taskEnvironment) flow.taskEnvironment.set(task, environment)
  for (const [task, mean] of stored.means) flow.means.set(task, mean)
  if (definition !== undefined) flow.engine = restore(definition.compiled, stored.engine)
  else if (stored.text !== null) flow.unread = { engine: stored.engine, text: stored.text }
  const live = new Set(flow.engine === undefined ? [] : engineRows(flow.engine).map(({ key }) => key))
  for (const row of stored.rows)
    if (live.has(`${row.cycle}/${row.task}`)) putLive(flow, row)
    else {
      cycleOf(flow, row.cycle).rows.set(row.task, row)
      countShown(flow, row.state, 1)
    }
  for (const cycle of stored.quiet) flow.quiet.add(cycle)
  for (const job of stored.jobs) {
    putJob(flow.jobs, job)
    if (!isFinal(job)) flow.awaited.set(keyOfJob(job), job)
  }
  for (const key of stored.killing) flow.jobs.killing.add(key)
  return flow
}
