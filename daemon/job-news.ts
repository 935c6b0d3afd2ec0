/** What a supervisor or an event file says of a job → the engine's events. Saying it twice is harmless. */
import type { JobEvent } from '../engine/types.ts'
import type { JobEventFile, JobName, JobState } from '../protocol/jobs.ts'
import type { JobRow } from '../protocol/rows.ts'

type Place = Pick<JobEvent, 'kind' | 'cycle' | 'task' | 'submit'>
const placeOf = ({ cycle, task, submit }: JobName): Place => ({ kind: 'job', cycle, task, submit })

/** Exit is left out where nobody knows it: that is how a lost job is told from a failed one. */
const ended = (at: number, job: JobName, state: Extract<JobState, { finishedAt: number }>): JobEvent => ({
  ...placeOf(job),
  at,
  event: state.state === 'succeeded' ? 'succeeded' : 'failed',
  time: state.finishedAt,
  ...(state.exit === null ? {} : { exit: state.exit }),
  ...(state.note === null ? {} : { text: state.note }),
})

const never = (at: number, job: JobName): JobEvent => ({
  ...placeOf(job),
  at,
  event: 'failed',
  text: 'The host does not know it.',
})

/** Events that lead from what is known to what was answered. `row` = the job as known. */
export const newsOf = (row: JobRow, job: JobName, state: JobState, at: number): readonly JobEvent[] => {
  const submitted: JobEvent = { ...placeOf(job), at, event: 'submitted' }
  switch (state.state) {
    case 'unknown':
      return row.state === 'preparing' ? [] : [never(at, job)]
    case 'submitted':
      return row.submittedAt === null ? [{ ...submitted, time: state.at }] : []
    case 'running':
      return row.startedAt === null ? [{ ...placeOf(job), at, event: 'started', time: state.startedAt }] : []
    default: {
      const begun = state.startedAt
      const started: readonly JobEvent[] =
        row.startedAt === null && begun !== null
          ? [{ ...placeOf(job), at, event: 'started', time: begun }]
          : []
      return [...started, ended(at, job, state)]
    }
  }
}

export const newsFromFile = (file: JobEventFile, at: number): JobEvent => ({
  ...placeOf(file),
  at,
  event: file.event,
  // A host's clock may be ahead of ours: nothing has happened in the future.
  time: Math.min(file.time, at),
  ...(file.exit === undefined ? {} : { exit: file.exit }),
  ...(file.text === undefined ? {} : { text: file.text }),
})
