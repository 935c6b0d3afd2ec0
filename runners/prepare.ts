/** A job's directory: whole or not there, so that a submission cut off at any moment can be repeated. */
import { randomBytes } from 'node:crypto'
import { mkdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../durable/files.ts'
import { type JobSubmission, type jobEnvironment, keyOf } from '../protocol/jobs.ts'
import type { PreparedJob } from './contract.ts'
import {
  jobDirectory,
  shareDirectory,
  submitName,
  taskDirectory,
  workDirectory,
  workflowDirectory,
} from './paths.ts'
import type { JobRecord } from './status.ts'

export type PrepareSettings = {
  readonly account: string
  /** The account's job root. */
  readonly root: string
  readonly events: string
  /** Absolute paths of the wrapper and of the directory of helpers such as seneschal-message. */
  readonly wrapper: string
  readonly helpers: string
  readonly graceMs: number
  /** PATH, HOME, LANG, USER, TZ as jobs get them. */
  readonly base: Readonly<Record<string, string>>
  readonly boot: string
  readonly now: () => number
}

const directoryMode = 0o750

const exists = async (path: string): Promise<boolean> => {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/** `NN` → the latest submission; replaced in one step. */
const linkLatest = async (directory: string, name: string): Promise<void> => {
  const temporary = join(directory, `.NN.${randomBytes(6).toString('hex')}`)
  await symlink(name, temporary)
  await rename(temporary, join(directory, 'NN'))
}

const create = async (settings: PrepareSettings, submission: JobSubmission): Promise<void> => {
  const { job } = submission
  const parent = taskDirectory(settings.root, job)
  const name = submitName(job.submit)
  const temporary = join(parent, `.${name}.${randomBytes(6).toString('hex')}`)
  await mkdir(temporary, { recursive: true, mode: directoryMode })
  const record: JobRecord = {
    v: 1,
    job,
    attempt: submission.attempt,
    runner: submission.runner,
    submittedAt: settings.now(),
    boot: settings.boot,
  }
  try {
    await writeFile(join(temporary, 'job'), submission.script, { mode: 0o700 })
    await writeFile(join(temporary, 'job.json'), `${JSON.stringify(record)}\n`, { mode: 0o640 })
    await rename(temporary, join(parent, name))
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    // The same submission was repeated while it was under way.
    if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EEXIST') throw error
  }
  await linkLatest(parent, name)
}

/** Makes what is missing; a directory that is there stays as it is. */
export const prepareJob = async (
  settings: PrepareSettings,
  submission: JobSubmission,
): Promise<PreparedJob> => {
  const { job } = submission
  const directory = jobDirectory(settings.root, job)
  const work = workDirectory(settings.root, job)
  const share = shareDirectory(settings.root, job.workflow)
  await mkdir(work, { recursive: true, mode: directoryMode })
  await mkdir(share, { recursive: true, mode: directoryMode })
  if (!(await exists(directory))) await create(settings, submission)

  const path = [...submission.path, settings.helpers, submission.environment.PATH ?? settings.base.PATH]
  const limit = submission.timeLimitMs === undefined ? 0 : Math.ceil(submission.timeLimitMs / 1000)
  return {
    job,
    directory,
    submission,
    workDirectory: work,
    command: [
      '/bin/sh',
      settings.wrapper,
      directory,
      settings.events,
      String(limit),
      String(Math.ceil(settings.graceMs / 1000)),
    ],
    environment: {
      ...settings.base,
      ...submission.environment,
      PATH: path.join(':'),
      SENESCHAL_ACCOUNT: settings.account,
      SENESCHAL_WORKFLOW: job.workflow,
      SENESCHAL_CYCLE: job.cycle,
      SENESCHAL_TASK: job.task,
      SENESCHAL_SUBMIT: String(job.submit),
      SENESCHAL_ATTEMPT: String(submission.attempt),
      SENESCHAL_JOB: keyOf(job),
      SENESCHAL_RUN_DIR: workflowDirectory(settings.root, job.workflow),
      SENESCHAL_WORK_DIR: work,
      SENESCHAL_SHARE_DIR: share,
      SENESCHAL_LOG_DIR: directory,
      SENESCHAL_EVENTS_DIR: settings.events,
    } satisfies Readonly<Record<keyof typeof jobEnvironment | 'PATH', string>>,
  }
}
