/** From the engine's words to rows. */
import type {
  CompiledWorkflow,
  InstanceRow as EngineRow,
  StallReason,
  WorkflowSummary,
} from '../engine/types.ts'
import { type Counts, type InstanceRow, noCounts, type TaskRow, type WorkflowRow } from '../protocol/rows.ts'

export const presentInstance = (workflow: string, row: EngineRow, at: number): InstanceRow => ({
  workflow,
  cycle: row.cycle,
  task: row.task,
  state: row.state,
  held: row.held,
  queued: row.queued,
  runahead: row.runahead,
  late: row.late,
  stopped: row.stopped,
  retryAt: row.retrying ?? null,
  submit: row.submit,
  submittedAt: row.submittedAt ?? null,
  startedAt: row.startedAt ?? null,
  finishedAt: row.finishedAt ?? null,
  outputs: row.outputs,
  prerequisites: row.prerequisites,
  at,
})

export const presentTask = (
  workflow: string,
  compiled: CompiledWorkflow,
  task: string,
  meanRun: number | null,
): TaskRow => {
  const found = compiled.tasks.get(task)
  return {
    workflow,
    task,
    title: found?.title ?? null,
    families: [...(found?.families ?? [])].reverse(),
    runner: found?.job.runner ?? '',
    meanRun,
    after: compiled.edges
      .filter((edge) => edge.to === task)
      .map((edge) => ({ task: edge.from, offset: edge.offset ?? null, output: edge.output })),
  }
}

const sentence = (reason: StallReason): string => {
  if (reason.kind === 'incomplete')
    return `${reason.task} of ${reason.cycle} ended as ${reason.state} without ${reason.missing.join(', ')}`
  const missing = reason.missing.slice(0, 3).map(({ task, cycle, output }) => `${task}:${output} of ${cycle}`)
  const more = reason.missing.length > 3 ? ` and ${reason.missing.length - 3} more` : ''
  return `${reason.task} of ${reason.cycle} waits for ${missing.join(', ')}${more}`
}

const stallText = (summary: WorkflowSummary): string | null => {
  if (summary.stall === undefined) return null
  const { reasons, total } = summary.stall
  const told = reasons.slice(0, 3).map(sentence)
  return `${told.join('; ')}${total > told.length ? `; and ${total - told.length} more` : ''}.`
}

export const presentMeta = (compiled: CompiledWorkflow | undefined): WorkflowRow['meta'] => {
  if (compiled === undefined) return {}
  const { expectedBy: _, ...meta } = compiled.meta
  return meta
}

export const presentWorkflow = (parts: {
  readonly workflow: string
  readonly compiled: CompiledWorkflow | undefined
  readonly summary: WorkflowSummary | undefined
  /** Finished instances that the engine has forgotten and that are still shown, by state. */
  readonly shown: Readonly<Partial<Counts>>
  readonly held: boolean
  readonly problem: string | null
  readonly warnings: readonly string[]
  readonly at: number
}): WorkflowRow => {
  const { summary } = parts
  const counts: Record<string, number> = { ...noCounts, ...summary?.counts }
  for (const [state, count] of Object.entries(parts.shown))
    counts[state] = (counts[state] ?? 0) + (count ?? 0)
  const { oldest, newest } = summary ?? {}
  return {
    workflow: parts.workflow,
    meta: presentMeta(parts.compiled),
    state: summary?.status ?? 'stopped',
    held: parts.held,
    stall: summary === undefined ? null : stallText(summary),
    counts: {
      ...noCounts,
      ...counts,
      held: summary?.held ?? 0,
      late: summary?.late ?? 0,
      retrying: summary?.retrying ?? 0,
    },
    cycles: oldest === undefined || newest === undefined ? null : { first: oldest, last: newest },
    at: parts.at,
    problem: parts.problem,
    ...(parts.warnings.length === 0 ? {} : { warnings: parts.warnings }),
  }
}
