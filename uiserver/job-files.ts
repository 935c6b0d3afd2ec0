/**
 * Files of jobs below the account's job root. Each directory on the way is opened through the one before it, and no
 * link is followed, so that a name never leads anywhere else.
 */
import { constants, fstat, type Stats } from 'node:fs'
import { promisify } from 'node:util'
import { errnoOf } from '../durable/files.ts'
import { closeFile, openFile } from '../durable/lines.ts'
import { SeneschalError } from '../protocol/errors.ts'
import type { JobName } from '../protocol/jobs.ts'

/** All that is shown of a job's directory. */
export const jobFileNames = ['job.out', 'job.err', 'job-activity.log', 'job'] as const
export type JobFileName = (typeof jobFileNames)[number]

export const isJobFileName = (name: string | undefined): name is JobFileName =>
  jobFileNames.some((known) => known === name)

const statFile = promisify<number, Stats>(fstat)
const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants

/** Not there (any more), or not for us: what a job or its account does with its files is no fault of ours. */
export const isMissing = (thrown: unknown): boolean =>
  ['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ESTALE'].includes(errnoOf(thrown) ?? '')

/** `openat`: a name within an opened directory. */
const within = (directory: number, name: string): string => `/proc/self/fd/${directory}/${name}`

/** The directory of a job's logs, opened; `file.unknown` where it is not there. The caller closes it. */
export const openJobDirectory = async (root: string, job: JobName): Promise<number> => {
  const names = [job.workflow, 'log', 'job', job.cycle, job.task, String(job.submit).padStart(2, '0')]
  let directory: number | undefined
  try {
    // The root itself is the account's own choice, and may be a link to a larger disk.
    directory = await openFile(root, O_RDONLY | O_DIRECTORY)
    for (const name of names) {
      const next = await openFile(within(directory, name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
      await closeFile(directory)
      directory = next
    }
    return directory
  } catch (thrown) {
    if (directory !== undefined) await closeFile(directory)
    if (isMissing(thrown)) throw new SeneschalError('file.unknown')
    throw thrown
  }
}

export type JobFile = { readonly fd: number; readonly stat: Stats }

/** A regular file of an opened directory; `file.unknown` for anything else. The caller closes it. */
const openWithin = async (directory: number, name: JobFileName): Promise<JobFile> => {
  let fd: number
  try {
    fd = await openFile(within(directory, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (thrown) {
    if (isMissing(thrown) || errnoOf(thrown) === 'ENXIO') throw new SeneschalError('file.unknown')
    throw thrown
  }
  const stat = await statFile(fd)
  if (stat.isFile()) return { fd, stat }
  await closeFile(fd)
  throw new SeneschalError('file.unknown')
}

export const openJobFile = async (root: string, job: JobName, name: JobFileName): Promise<JobFile> => {
  const directory = await openJobDirectory(root, job)
  try {
    return await openWithin(directory, name)
  } finally {
    await closeFile(directory)
  }
}

export type JobFileEntry = { readonly file: JobFileName; readonly size: number; readonly at: number }

/** Which of the known files there are; none where the job never began. */
export const listJobFiles = async (root: string, job: JobName): Promise<readonly JobFileEntry[]> => {
  const found: JobFileEntry[] = []
  let directory: number
  try {
    directory = await openJobDirectory(root, job)
  } catch (thrown) {
    if (thrown instanceof SeneschalError) return found
    throw thrown
  }
  try {
    for (const file of jobFileNames) {
      const opened = await openWithin(directory, file).catch((thrown: unknown) => {
        if (thrown instanceof SeneschalError) return undefined
        throw thrown
      })
      if (opened === undefined) continue
      found.push({ file, size: opened.stat.size, at: opened.stat.mtimeMs })
      await closeFile(opened.fd)
    }
  } finally {
    await closeFile(directory)
  }
  return found
}
