/** How a job is, by the files in its directory (runners/wrapper.ts says which) and /proc. */
import { randomBytes } from 'node:crypto'
import { link, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod/mini'
import { errnoOf, isAbsent } from '../durable/files.ts'
import { type JobState, jobName } from '../protocol/jobs.ts'
import { isAlive, type ProcessId } from './processes.ts'

/** `job.json`: that and when it was submitted here. */
export const jobRecord = z.strictObject({
  v: z.literal(1),
  job: jobName,
  attempt: z.number(),
  runner: z.string(),
  submittedAt: z.number(),
  /** Of the host, when it was submitted: after another boot it cannot begin any more. */
  boot: z.string(),
})
export type JobRecord = z.infer<typeof jobRecord>

/** The files, as far as they are there. */
export type JobFiles = {
  readonly record: JobRecord | undefined
  readonly process: ProcessId | undefined
  readonly startedAt: number | null
  readonly ended:
    | {
        readonly outcome: 'succeeded' | 'failed' | 'lost'
        readonly exit: number | null
        readonly at: number
        readonly note: string | null
      }
    | undefined
}

const text = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}

const parseRecord = (content: string | undefined): JobRecord | undefined => {
  if (content === undefined) return undefined
  try {
    const parsed = jobRecord.safeParse(JSON.parse(content))
    return parsed.success ? parsed.data : undefined
  } catch {
    // A host that went down may leave it empty: then nothing is known.
    return undefined
  }
}

const parseProcess = (content: string | undefined): ProcessId | undefined => {
  const match = /^([1-9][0-9]*) ([0-9]+) ([0-9a-f-]+)\n$/.exec(content ?? '')
  const [, pid, start, boot] = match ?? []
  return pid === undefined || start === undefined || boot === undefined
    ? undefined
    : { pid: Number(pid), start, boot }
}

const parseEnded = (content: string | undefined): JobFiles['ended'] => {
  const match = /^(succeeded|failed|lost) ([0-9]+|-) ([0-9]+) (.*)\n$/.exec(content ?? '')
  const [, outcome, exit, at, note] = match ?? []
  if (outcome !== 'succeeded' && outcome !== 'failed' && outcome !== 'lost') return undefined
  return {
    outcome,
    exit: exit === '-' ? null : Number(exit),
    at: Number(at),
    note: note === undefined || note === '' ? null : note,
  }
}

export const isThere = async (path: string): Promise<boolean> => {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (isAbsent(error)) return false
    throw error
  }
}

export const readJobFiles = async (directory: string): Promise<JobFiles> => {
  const [record, pid, started, ended] = await Promise.all(
    ['job.json', '.pid', '.started', '.ended'].map((name) => text(join(directory, name))),
  )
  return {
    record: parseRecord(record),
    process: parseProcess(pid),
    startedAt: started === undefined ? null : Number.parseInt(started, 10) || null,
    ended: parseEnded(ended),
  }
}

/** A query of many directories opens the files of no more at once than this. */
export const pollWidth = 64

/** A wrapper's first act is to say that it is there; one of another supervisor that did not will not. */
const beginsWithinMs = 60_000

const present = (files: JobFiles & { readonly ended: NonNullable<JobFiles['ended']> }): JobState => ({
  state: files.ended.outcome,
  startedAt: files.startedAt,
  finishedAt: files.ended.at,
  exit: files.ended.exit,
  note: files.ended.note,
})

/**
 * `ours` = this process is the parent of the job's wrapper, which may not have begun to write.
 * A wrapper says how its job ended before it ends, so the files are read again once it is known to be dead.
 */
export const readJobState = async (
  directory: string,
  boot: string,
  now: number,
  ours: boolean,
): Promise<JobState> => {
  const files = await readJobFiles(directory)
  if (files.ended !== undefined) return present({ ...files, ended: files.ended })
  const { record } = files
  if (files.process === undefined) {
    if (record === undefined) return { state: 'unknown' }
    const fresh = record.boot === boot && now - record.submittedAt < beginsWithinMs
    if (ours || fresh) return { state: 'submitted', at: record.submittedAt }
    return lost(files, now, 'it never began')
  }
  if (await isAlive(files.process, boot))
    return { state: 'running', startedAt: files.startedAt ?? record?.submittedAt ?? now }
  const again = await readJobFiles(directory)
  if (again.ended !== undefined) return present({ ...again, ended: again.ended })
  return lost(files, now, files.process.boot === boot ? 'its wrapper is gone' : 'the host went down')
}

const lost = (files: JobFiles, now: number, note: string): JobState => ({
  state: 'lost',
  startedAt: files.startedAt,
  finishedAt: now,
  exit: null,
  note,
})

/** Writes a file whole, unless there is one: false then. */
export const keepFirst = async (path: string, content: string): Promise<boolean> => {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await writeFile(temporary, content, { mode: 0o640 })
    await link(temporary, path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  } finally {
    await rm(temporary, { force: true })
  }
}
