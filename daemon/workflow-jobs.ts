/** The jobs of a workflow as rows: what became of each submission, also after its instance went on to the next. */
import type { Effect, JobEvent } from '../engine/types.ts'
import { instanceKey, jobKey } from '../protocol/ids.ts'
import type { JobRow } from '../protocol/rows.ts'

export type JobTable = {
  /** By instance, then by submit number. */
  readonly byInstance: Map<string, Map<number, JobRow>>
  /** Keys of jobs that a person or the engine had killed and whose end is not known yet. */
  readonly killing: Set<string>
}

export const createJobTable = (): JobTable => ({ byInstance: new Map(), killing: new Set() })

const finalStates: ReadonlySet<JobRow['state']> = new Set([
  'succeeded',
  'failed',
  'submit-failed',
  'killed',
  'lost',
])
export const isFinal = (row: JobRow): boolean => finalStates.has(row.state)

export const keyOfJob = (row: JobRow): string => jobKey(row.workflow, row.cycle, row.task, row.submit)

export const putJob = (table: JobTable, row: JobRow): void => {
  const key = instanceKey(row.workflow, row.cycle, row.task)
  const jobs = table.byInstance.get(key) ?? new Map<number, JobRow>()
  table.byInstance.set(key, jobs.set(row.submit, row))
}

const settled = (event: JobEvent, killing: boolean): Pick<JobRow, 'state' | 'exit' | 'note'> => {
  const exit = event.exit ?? null
  const note = event.text ?? null
  if (event.event === 'succeeded') return { state: 'succeeded', exit: exit ?? 0, note: null }
  if (event.event === 'submit-failed') return { state: 'submit-failed', exit, note }
  if (killing) return { state: 'killed', exit, note }
  // Who saw it end knows its exit; where nobody did, it is lost.
  return { state: exit === null ? 'lost' : 'failed', exit, note }
}

/** The row after an event, or undefined where the event changes nothing. */
export const jobAfter = (table: JobTable, workflow: string, event: JobEvent): JobRow | undefined => {
  const row = table.byInstance.get(instanceKey(workflow, event.cycle, event.task))?.get(event.submit)
  if (row === undefined || isFinal(row)) return undefined
  const time = event.time ?? event.at
  switch (event.event) {
    case 'submitted':
      return row.submittedAt === null
        ? {
            ...row,
            state: row.state === 'preparing' ? 'submitted' : row.state,
            submittedAt: time,
            note: null,
          }
        : undefined
    case 'started':
      return row.startedAt === null
        ? { ...row, state: 'running', startedAt: time, submittedAt: row.submittedAt ?? time }
        : undefined
    case 'message':
      return { ...row, note: event.text ?? null }
    default: {
      const killing = table.killing.delete(keyOfJob(row))
      return { ...row, ...settled(event, killing), finishedAt: time }
    }
  }
}

export const jobFor = (
  workflow: string,
  effect: Extract<Effect, { kind: 'submit' }>,
  host: string | null,
): JobRow => ({
  workflow,
  cycle: effect.cycle,
  task: effect.task,
  submit: effect.submit,
  state: 'preparing',
  runner: effect.job.runner,
  host,
  submittedAt: null,
  startedAt: null,
  finishedAt: null,
  exit: null,
  note: null,
})
