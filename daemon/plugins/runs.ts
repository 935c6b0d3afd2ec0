/**
 * Plugin runs as the journal knows them: what was planned, how far it is, and what comes next. Pure; the conductor
 * acts on it, also after a restart.
 */
import type { JobEvent } from '../../engine/types.ts'
import type { JobName } from '../../protocol/jobs.ts'
import type { PluginIdentity } from '../../protocol/plugins.ts'
import type { JobRow } from '../../protocol/rows.ts'
import { isGroup, type LeafStep, leavesOf, type Work } from '../../protocol/steps.ts'
import { requestKey } from '../requests.ts'
import {
  createJobTable,
  isFinal,
  type JobTable,
  jobAfter,
  jobFor,
  keyOfJob,
  putJob,
} from '../workflow-jobs.ts'
import { effectOf, jobOf, oneOffWorkflow } from './one-off-job.ts'

export type LeafState = 'waiting' | 'under-way' | 'succeeded' | 'failed'
export type Leaf = {
  /** From 1, in the order of the plan. */
  readonly number: number
  readonly step: LeafStep
  state: LeafState
  /** Why it failed, for a person. */
  note: string | null
}

export type Run = {
  readonly uid: number
  /** Of the request. */
  readonly id: string
  readonly account: string
  readonly at: number
  readonly plugin: PluginIdentity
  /** Arguments as the plugin's audit rules leave them. */
  readonly told: Readonly<Record<string, unknown>>
  /** undefined: the plugin has not answered yet. */
  plan: Work | undefined
  leaves: readonly Leaf[]
  /** Somebody wants it ended: nothing more begins. */
  stopping: boolean
  readonly jobs: JobTable
}

export type Runs = {
  readonly byRequest: Map<string, Run>
  /** `ACCOUNT/ID`: how jobs name them. */
  readonly byTask: Map<string, Run>
}

export const createRuns = (): Runs => ({ byRequest: new Map(), byTask: new Map() })

const taskKey = (account: string, id: string): string => `${account}/${id}`

export const keyOfRun = (run: Pick<Run, 'uid' | 'id'>): string => requestKey(run.uid, run.id)

export const addRun = (runs: Runs, run: Run): void => {
  runs.byRequest.set(keyOfRun(run), run)
  runs.byTask.set(taskKey(run.account, run.id), run)
}

export const removeRun = (runs: Runs, key: string): Run | undefined => {
  const run = runs.byRequest.get(key)
  if (run === undefined) return undefined
  runs.byRequest.delete(key)
  runs.byTask.delete(taskKey(run.account, run.id))
  return run
}

export const beginRun = (begun: Omit<Run, 'plan' | 'leaves' | 'stopping' | 'jobs'>): Run => ({
  ...begun,
  plan: undefined,
  leaves: [],
  stopping: false,
  jobs: createJobTable(),
})

export const runOfJob = (runs: Runs, account: string, job: Pick<JobName, 'task'>): Run | undefined =>
  runs.byTask.get(taskKey(account, job.task))

export function* jobsOf(run: Run): Generator<JobRow> {
  for (const jobs of run.jobs.byInstance.values()) yield* jobs.values()
}

export const jobRowOf = (run: Run, number: number): JobRow | undefined =>
  [...jobsOf(run)].find(({ submit }) => submit === number)

type Progress = { readonly state: LeafState; readonly due: readonly Leaf[] }

const groupProgress = (kind: 'sequence' | 'parallel', parts: readonly Progress[]): Progress => {
  if (kind === 'sequence') {
    const current = parts.find(({ state }) => state !== 'succeeded')
    return current ?? { state: 'succeeded', due: [] }
  }
  const due = parts.flatMap((part) => part.due)
  const isOpen = parts.some(({ state }) => state === 'waiting' || state === 'under-way')
  // What runs beside a failed one is let end: its job is there anyway.
  const state = isOpen ? 'under-way' : parts.some((part) => part.state === 'failed') ? 'failed' : 'succeeded'
  return { state, due }
}

/** Takes the leaves in their order, as `leavesOf` numbered them. */
const look = (step: Work, leaves: Iterator<Leaf>): Progress => {
  if (isGroup(step))
    return groupProgress(
      step.kind,
      step.steps.map((part) => look(part, leaves)),
    )
  const { value: leaf, done } = leaves.next()
  if (done === true) throw new RangeError('a plan has more leaves than its run')
  return { state: leaf.state, due: leaf.state === 'waiting' ? [leaf] : [] }
}

export const progressOf = (run: Run): Progress => {
  if (run.plan === undefined) return { state: 'waiting', due: [] }
  const progress = look(run.plan, run.leaves.values())
  if (!run.stopping || progress.state === 'succeeded') return progress
  const isOpen = run.leaves.some(({ state }) => state === 'under-way')
  return { state: isOpen ? 'under-way' : 'failed', due: [] }
}

/** Begins whatever may begin now; rows of the jobs among it. */
const advance = (run: Run, host: string | null): readonly JobRow[] => {
  const rows: JobRow[] = []
  for (const leaf of progressOf(run).due) {
    leaf.state = 'under-way'
    if (leaf.step.kind !== 'job') continue
    const row = jobFor(oneOffWorkflow, effectOf(jobOf(run, leaf.number), leaf.step), host)
    putJob(run.jobs, row)
    rows.push(row)
  }
  return rows
}

export const planRun = (run: Run, plan: Work, host: string | null): readonly JobRow[] => {
  run.plan = plan
  run.leaves = leavesOf(plan).map((step, index) => ({
    number: index + 1,
    step,
    state: 'waiting',
    note: null,
  }))
  return advance(run, host)
}

const end = (
  run: Run,
  leaf: Leaf,
  ok: boolean,
  note: string | null,
  host: string | null,
): readonly JobRow[] => {
  leaf.state = ok ? 'succeeded' : 'failed'
  leaf.note = note
  return advance(run, host)
}

/** An executor's word that a leaf ended; saying it twice is harmless. */
export const endLeaf = (
  run: Run,
  number: number,
  outcome: { readonly ok: boolean; readonly note: string | null },
  host: string | null,
): readonly JobRow[] => {
  const leaf = run.leaves[number - 1]
  return leaf?.state === 'under-way' ? end(run, leaf, outcome.ok, outcome.note, host) : []
}

const noteOf = (row: JobRow): string => {
  const how = row.exit === null ? row.state : `${row.state}, exit ${row.exit}`
  return row.note === null ? how : `${how}: ${row.note}`
}

/** News of one of its jobs; the rows that changed. */
export const applyJob = (run: Run, event: JobEvent, host: string | null): readonly JobRow[] => {
  const row = jobAfter(run.jobs, oneOffWorkflow, event)
  if (row === undefined) return []
  putJob(run.jobs, row)
  const leaf = run.leaves[row.submit - 1]
  if (!isFinal(row) || leaf === undefined) return [row]
  const ok = row.state === 'succeeded'
  return [row, ...end(run, leaf, ok, ok ? null : noteOf(row), host)]
}

/** Its jobs count as killed from now on, however they end. */
export const stopRun = (run: Run): void => {
  run.stopping = true
  for (const row of awaitedJobs(run)) run.jobs.killing.add(keyOfJob(row))
}

/** Jobs whose end is awaited. */
export const awaitedJobs = (run: Run): readonly JobRow[] => [...jobsOf(run)].filter((row) => !isFinal(row))

export type StoredRun = Omit<Run, 'jobs' | 'plan'> & {
  readonly plan: Work | null
  readonly jobs: readonly JobRow[]
  readonly killing: readonly string[]
}

export const storeRun = (run: Run): StoredRun => ({
  ...run,
  plan: run.plan ?? null,
  leaves: run.leaves.map((leaf) => ({ ...leaf })),
  jobs: [...jobsOf(run)],
  killing: [...run.jobs.killing],
})

export const restoreRun = ({ plan, jobs, killing, ...stored }: StoredRun): Run => {
  const run: Run = { ...stored, plan: plan ?? undefined, jobs: createJobTable() }
  for (const row of jobs) putJob(run.jobs, row)
  for (const key of killing) run.jobs.killing.add(key)
  return run
}
