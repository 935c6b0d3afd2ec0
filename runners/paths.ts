/** Where a workflow's things are, below the account's job root. Names were checked by their schemas. */
import { join } from 'node:path'
import type { JobName } from '../protocol/jobs.ts'

export const workflowDirectory = (root: string, workflow: string): string => join(root, workflow)

/** Of one task in one cycle: holds a directory for each submission, and the link `NN` to the latest. */
export const taskDirectory = (root: string, job: JobName): string =>
  join(root, job.workflow, 'log', 'job', job.cycle, job.task)

export const submitName = (submit: number): string => String(submit).padStart(2, '0')

export const jobDirectory = (root: string, job: JobName): string =>
  join(taskDirectory(root, job), submitName(job.submit))

export const workDirectory = (root: string, job: JobName): string =>
  join(root, job.workflow, 'work', job.cycle, job.task)

export const shareDirectory = (root: string, workflow: string): string => join(root, workflow, 'share')
