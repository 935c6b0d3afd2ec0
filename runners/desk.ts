/** Carries out the daemon's requests: names → directories, one job's requests one after another. */

import { errnoOf } from '../durable/files.ts'
import { isErrorCode, SeneschalError } from '../protocol/errors.ts'
import { type JobName, type JobState, type JobsAnswer, type JobsRequest, keyOf } from '../protocol/jobs.ts'
import type { Runner } from './contract.ts'
import type { Epochs } from './epoch.ts'
import { jobDirectory } from './paths.ts'
import { forestall, isFormer, type PrepareSettings, prepareJob, setAside } from './prepare.ts'
import { type JobFiles, pollWidth, readJobFiles } from './status.ts'

export type Desk = {
  readonly answer: (request: JobsRequest) => Promise<JobsAnswer>
  readonly active: () => number
  readonly close: () => void
}

const defaultRunner = 'background'

/** The system's own words about a full disk or a missing right help whoever reads the row. */
const asSubmitFailed = (error: unknown): SeneschalError => {
  if (error instanceof SeneschalError) return error
  const why = errnoOf(error)
  return why === undefined
    ? new SeneschalError('internal', undefined, { cause: error })
    : new SeneschalError('job.submit-failed', `${why}: ${(error as Error).message}`, { cause: error })
}

const whyOf = (error: unknown): string => {
  const known = asSubmitFailed(error)
  return (known.detail ?? known.message).slice(0, 200)
}

export const createDesk = (
  runners: ReadonlyMap<string, Runner>,
  settings: PrepareSettings,
  epochs: Epochs,
): Desk => {
  const busy = new Map<string, Promise<unknown>>()
  const directoryOf = (job: JobName): string => jobDirectory(settings.root, job)

  const runnerNamed = (name: string): Runner => {
    const runner = runners.get(name)
    if (runner === undefined) throw new SeneschalError('job.submit-failed', `There is no runner ${name}.`)
    return runner
  }
  const runnerIn = ({ record }: JobFiles): Runner => runnerNamed(record?.runner ?? defaultRunner)

  const inTurn = async <T>(job: JobName, work: () => Promise<T>): Promise<T> => {
    const key = keyOf(job)
    const before = busy.get(key) ?? Promise.resolve()
    const mine = before.then(work, work)
    busy.set(key, mine)
    try {
      return await mine
    } finally {
      if (busy.get(key) === mine) busy.delete(key)
    }
  }

  const stateOf = async (runner: Runner, job: JobName): Promise<JobState> => {
    const directory = directoryOf(job)
    const found = (await runner.poll([directory])).get(directory) ?? { state: 'unknown' }
    if (found instanceof Error) throw found
    return found
  }

  /**
   * A former job of that name makes way once it has ended. One that still runs would share its files with the new one,
   * and belongs to nobody here who could end it.
   */
  const makeWay = async (files: JobFiles, job: JobName): Promise<void> => {
    if (!isFormer(files, job)) return
    const runner = runnerIn(files)
    const { state } = await stateOf(runner, job)
    if (state === 'submitted' || state === 'running')
      throw new SeneschalError(
        'job.submit-failed',
        `A job of a former workflow of that name still runs here${files.process === undefined ? '' : `, process ${files.process.pid}`}.`,
      )
    await runner.left(directoryOf(job))
    await setAside(settings, job)
  }

  /** One that cannot be looked at says nothing about the others. */
  const poll = async (jobs: readonly JobName[]) => {
    const seen: { readonly job: JobName; readonly state: JobState }[] = []
    const unseen: { readonly job: JobName; readonly why: string }[] = []
    const miss = (job: JobName, error: unknown) => unseen.push({ job, why: whyOf(error) })
    const byRunner = new Map<Runner, JobName[]>()
    for (let index = 0; index < jobs.length; index += pollWidth)
      await Promise.all(
        jobs.slice(index, index + pollWidth).map(async (job) => {
          try {
            const files = await readJobFiles(directoryOf(job))
            if (isFormer(files, job)) {
              seen.push({ job, state: { state: 'unknown' } })
              return
            }
            const runner = runnerIn(files)
            byRunner.set(runner, [...(byRunner.get(runner) ?? []), job])
          } catch (error) {
            miss(job, error)
          }
        }),
      )
    for (const [runner, group] of byRunner) {
      const states = await runner.poll(group.map(directoryOf))
      for (const job of group) {
        const state = states.get(directoryOf(job)) ?? { state: 'unknown' as const }
        if (state instanceof Error) miss(job, state)
        else seen.push({ job, state })
      }
    }
    return { jobs: seen, ...(unseen.length === 0 ? {} : { unseen }) }
  }

  const carryOut = async (request: JobsRequest): Promise<JobsAnswer> => {
    const { id } = request
    switch (request.op) {
      case 'submit': {
        const { submission } = request
        return inTurn(submission.job, async () => {
          const runner = runnerNamed(submission.runner)
          await makeWay(await readJobFiles(directoryOf(submission.job)), submission.job)
          const prepared = await prepareJob(settings, submission)
          await runner.submit(prepared)
          const state = await stateOf(runner, submission.job)
          return { id, ok: true, op: 'submit', state, logs: prepared.directory }
        })
      }
      case 'poll':
        return { id, ok: true, op: 'poll', ...(await poll(request.jobs)) }
      case 'kill':
        return inTurn(request.job, async () => {
          const { job } = request
          const found = await readJobFiles(directoryOf(job))
          await makeWay(found, job)
          const { record, process, ended } = await readJobFiles(directoryOf(job))
          // Its submission may still lie in a line that broke.
          if (record === undefined && process === undefined && ended === undefined)
            await forestall(settings, job, defaultRunner)
          const runner = runnerIn(await readJobFiles(directoryOf(job)))
          await runner.kill(directoryOf(job))
          return { id, ok: true, op: 'kill', state: await stateOf(runner, job) }
        })
      case 'copy':
        return { id, ok: true, op: 'copy' }
    }
  }

  const admit = async ({ op, epoch }: JobsRequest): Promise<void> => {
    try {
      await epochs.admit(epoch)
    } catch (error) {
      // A full disk keeps nobody from looking at jobs, or from killing them.
      if (op === 'submit' || op === 'copy' || error instanceof SeneschalError) throw error
    }
  }

  return {
    answer: async (request) => {
      try {
        await admit(request)
        return await carryOut(request)
      } catch (thrown) {
        const error = asSubmitFailed(thrown)
        const code = isErrorCode(error.code) ? error.code : 'internal'
        return {
          id: request.id,
          ok: false,
          code,
          ...(error.detail === undefined ? {} : { detail: error.detail }),
        }
      }
    },
    active: () => [...runners.values()].reduce((sum, runner) => sum + runner.active(), 0),
    close: () => {
      for (const runner of runners.values()) runner.close()
    },
  }
}
