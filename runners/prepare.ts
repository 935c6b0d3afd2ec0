/** A job's directory: whole or not there, so that a submission cut off at any moment can be repeated. */
import { randomBytes } from 'node:crypto'
import { lstat, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, writeFileAtomic } from '../durable/files.ts'
import { type JobName, type JobSubmission, type jobEnvironment, keyOf } from '../protocol/jobs.ts'
import type { PreparedJob } from './contract.ts'
import {
  jobDirectory,
  shareDirectory,
  submitName,
  taskDirectory,
  workDirectory,
  workflowDirectory,
} from './paths.ts'
import { isThere, type JobFiles, type JobRecord, keepFirst, readJobFiles } from './status.ts'

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

/** `NN` → the latest submission; replaced in one step. */
const linkLatest = async (directory: string, name: string): Promise<void> => {
  const temporary = join(directory, `.NN.${randomBytes(6).toString('hex')}`)
  await symlink(name, temporary)
  await rename(temporary, join(directory, 'NN'))
}

const recordOf = (settings: PrepareSettings, { job, attempt, runner }: JobSubmission): JobRecord => ({
  v: 1,
  job,
  attempt,
  runner,
  submittedAt: settings.now(),
  boot: settings.boot,
})

/** Nobody works on one for so long, ms: whoever made it was killed. */
const leftAfterMs = 60_000

/** Takes away what submissions that were cut off left under temporary names. */
const sweep = async (parent: string, now: number): Promise<void> => {
  for (const name of await readdir(parent)) {
    if (!/^\.(?:\d{2,}|NN)\.[0-9a-f]{12}$/.test(name)) continue
    const path = join(parent, name)
    const found = await lstat(path).catch((thrown: unknown) => {
      // Another submission of this task, which got its name just now.
      if (errnoOf(thrown) === 'ENOENT') return undefined
      throw thrown
    })
    if (found !== undefined && now - found.mtimeMs > leftAfterMs)
      await rm(path, { recursive: true, force: true })
  }
}

const create = async (settings: PrepareSettings, submission: JobSubmission): Promise<void> => {
  const { job } = submission
  const parent = taskDirectory(settings.root, job)
  const name = submitName(job.submit)
  const temporary = join(parent, `.${name}.${randomBytes(6).toString('hex')}`)
  await mkdir(temporary, { recursive: true, mode: directoryMode })
  await sweep(parent, settings.now())
  try {
    await writeFile(join(temporary, 'job'), submission.script, { mode: 0o700 })
    const record = JSON.stringify(recordOf(settings, submission))
    await writeFile(join(temporary, 'job.json'), `${record}\n`, { mode: 0o640 })
    await rename(temporary, join(parent, name))
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    // The same submission was repeated while it was under way.
    if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EEXIST') throw error
  }
  await linkLatest(parent, name)
}

/**
 * A power cut can leave a directory with files that are empty or cut short, and half a script may well succeed. As long
 * as nothing has begun there, what does not say what was submitted is written again.
 */
const mend = async (settings: PrepareSettings, submission: JobSubmission): Promise<void> => {
  const directory = jobDirectory(settings.root, submission.job)
  const { record, process, ended } = await readJobFiles(directory)
  if (process !== undefined || ended !== undefined) return
  const script = join(directory, 'job')
  if (
    record !== undefined &&
    (await isThere(script)) &&
    (await readFile(script, 'utf8')) === submission.script
  )
    return
  await writeFileAtomic(script, submission.script, { mode: 0o700 })
  const whole = `${JSON.stringify(recordOf(settings, submission))}\n`
  await writeFileAtomic(join(directory, 'job.json'), whole, { mode: 0o640 })
}

/** The job that has this name here, but belongs to another workflow that was called the same. */
export const isFormer = ({ record }: JobFiles, job: JobName): boolean =>
  record !== undefined && record.job.incarnation !== job.incarnation

/** Its name is another's now; what it left stays beside it, for people. */
export const setAside = async (settings: Pick<PrepareSettings, 'root'>, job: JobName): Promise<void> => {
  const directory = jobDirectory(settings.root, job)
  await rename(directory, `${directory}.former-${randomBytes(6).toString('hex')}`)
}

/** A job that is killed before it is known here: whoever brings it later finds that it has ended. */
export const forestall = async (
  settings: Pick<PrepareSettings, 'root' | 'now' | 'boot'>,
  job: JobName,
  runner: string,
): Promise<void> => {
  const directory = jobDirectory(settings.root, job)
  await mkdir(directory, { recursive: true, mode: directoryMode })
  const record: JobRecord = {
    v: 1,
    job,
    attempt: 1,
    runner,
    submittedAt: settings.now(),
    boot: settings.boot,
  }
  await writeFileAtomic(join(directory, 'job.json'), `${JSON.stringify(record)}\n`, { mode: 0o640 })
  await keepFirst(join(directory, '.ended'), `failed 143 ${settings.now()} killed before it was submitted\n`)
}

/** Makes what is missing; a directory in which something began stays as it is. */
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
  if (await isThere(directory)) await mend(settings, submission)
  else await create(settings, submission)

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
      SENESCHAL_INCARNATION: job.incarnation ?? '',
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
