/** The log files of jobs, newest cycle first. Only real directories with the right names; links lead nowhere. */
import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cyclePoint, taskName } from '../../protocol/ids.ts'
import type { JobName } from '../../protocol/jobs.ts'
import { isMissing } from '../job-files.ts'

export type SearchedFile = { readonly path: string; readonly file: string; readonly job: JobName }

export type Where = {
  readonly workflow: string
  readonly cycle?: string | undefined
  readonly task?: string | undefined
}

/** Where jobs write; the other files say nothing that a person would search for. */
const searched: ReadonlySet<string> = new Set(['job.out', 'job.err'])
const submitPattern = /^(?:0[1-9]|[1-9][0-9]{1,5})$/

/** None of a directory that is gone by now (retention, `clean`) or closed to us. */
const entries = async (path: string): Promise<readonly Dirent[]> => {
  try {
    return await readdir(path, { withFileTypes: true })
  } catch (thrown) {
    if (isMissing(thrown)) return []
    throw thrown
  }
}

const directories = async (path: string, fits: (name: string) => boolean): Promise<readonly string[]> =>
  (await entries(path)).flatMap((entry) => (entry.isDirectory() && fits(entry.name) ? [entry.name] : []))

const isReal = async (parent: string, name: string): Promise<boolean> =>
  (await directories(parent, (found) => found === name)).length === 1

const newestFirst = (a: string, b: string): number => (a < b ? 1 : -1)

export async function* walkLogs(
  root: string,
  { workflow, cycle, task }: Where,
  signal: AbortSignal,
): AsyncGenerator<SearchedFile> {
  let logs = root
  for (const name of [workflow, 'log', 'job']) {
    if (!(await isReal(logs, name))) return
    logs = join(logs, name)
  }
  const cycles = await directories(logs, (name) =>
    cycle === undefined ? cyclePoint.safeParse(name).success : name === cycle,
  )
  for (const point of [...cycles].sort(newestFirst)) {
    const tasks = await directories(join(logs, point), (name) =>
      task === undefined ? taskName.safeParse(name).success : name === task,
    )
    for (const name of [...tasks].sort()) {
      const place = join(logs, point, name)
      const submits = await directories(place, (found) => submitPattern.test(found))
      for (const submit of [...submits].sort(newestFirst)) {
        if (signal.aborted) return
        const job = { workflow, cycle: point, task: name, submit: Number(submit) }
        for (const entry of await entries(join(place, submit)))
          if (entry.isFile() && searched.has(entry.name))
            yield { path: join(place, submit, entry.name), file: entry.name, job }
      }
    }
  }
}
