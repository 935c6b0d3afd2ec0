/** Carries out the daemon's requests: names → directories, one job's requests one after another. */

import { errnoOf } from '../durable/files.ts'
import { isErrorCode, SeneschalError } from '../protocol/errors.ts'
import { type JobName, type JobState, type JobsAnswer, type JobsRequest, keyOf } from '../protocol/jobs.ts'
import type { Runner } from './contract.ts'
import { jobDirectory } from './paths.ts'
import { type PrepareSettings, prepareJob } from './prepare.ts'
import { readJobFiles } from './status.ts'

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

export const createDesk = (runners: ReadonlyMap<string, Runner>, settings: PrepareSettings): Desk => {
  const busy = new Map<string, Promise<unknown>>()
  const directoryOf = (job: JobName): string => jobDirectory(settings.root, job)

  const runnerNamed = (name: string): Runner => {
    const runner = runners.get(name)
    if (runner === undefined) throw new SeneschalError('job.submit-failed', `There is no runner ${name}.`)
    return runner
  }
  const runnerOf = async (job: JobName): Promise<Runner> =>
    runnerNamed((await readJobFiles(directoryOf(job))).record?.runner ?? defaultRunner)

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
    return (await runner.poll([directory])).get(directory) ?? { state: 'unknown' }
  }

  const poll = async (jobs: readonly JobName[]) => {
    const byRunner = Map.groupBy(
      await Promise.all(jobs.map(async (job) => ({ job, runner: await runnerOf(job) }))),
      ({ runner }) => runner,
    )
    const answers = await Promise.all(
      [...byRunner].map(async ([runner, group]) => {
        const states = await runner.poll(group.map(({ job }) => directoryOf(job)))
        return group.map(({ job }) => ({
          job,
          state: states.get(directoryOf(job)) ?? { state: 'unknown' as const },
        }))
      }),
    )
    return answers.flat()
  }

  const carryOut = async (request: JobsRequest): Promise<JobsAnswer> => {
    const { id } = request
    switch (request.op) {
      case 'submit': {
        const { submission } = request
        return inTurn(submission.job, async () => {
          const runner = runnerNamed(submission.runner)
          const prepared = await prepareJob(settings, submission)
          await runner.submit(prepared)
          const state = await stateOf(runner, submission.job)
          return { id, ok: true, op: 'submit', state, logs: prepared.directory }
        })
      }
      case 'poll':
        return { id, ok: true, op: 'poll', jobs: await poll(request.jobs) }
      case 'kill':
        return inTurn(request.job, async () => {
          const runner = await runnerOf(request.job)
          await runner.kill(directoryOf(request.job))
          return { id, ok: true, op: 'kill', state: await stateOf(runner, request.job) }
        })
    }
  }

  return {
    answer: async (request) => {
      try {
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
