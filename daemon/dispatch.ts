/**
 * Carries out what the engine wants done on one account's host, and asks how its jobs are. What cannot be delivered is
 * kept and tried again: the journal says what is owed, so nothing is lost with this process either.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Effect, JobEvent } from '../engine/types.ts'
import { type JobName, type JobState, keyOf } from '../protocol/jobs.ts'
import type { JobRow } from '../protocol/rows.ts'
import { createErrands, type Errand, isOwed } from './errands.ts'
import type { DaemonEvent } from './events.ts'
import { newsOf } from './job-news.ts'
import { JobRefused, type JobsClient } from './jobs-client.ts'
import { awaitedJob, awaitedJobs, incarnationOf, isKilling, isOfPresent, jobNews } from './known-jobs.ts'
import { type DaemonState, findWorkflow } from './state.ts'
import type { Workflow } from './workflow.ts'

export type Dispatch = {
  readonly owe: (workflow: string, effect: Effect) => void
  /** Asks about all jobs whose end is awaited, soon and once. */
  readonly poll: () => void
  /** What was not to begin may be allowed to. */
  readonly again: () => void
  readonly close: () => void
}

export type DispatchParts = {
  readonly account: string
  readonly client: JobsClient
  readonly state: DaemonState
  /** Where definitions lie: each workflow's `bin/` is on its jobs' PATH. */
  readonly definitions: string
  readonly commit: (events: readonly DaemonEvent[]) => Promise<void>
  readonly now: () => number
  /** Whether something new may start on that runner now. */
  readonly mayBegin: (runner: string) => boolean
  /** Told why the host cannot be reached, and null when it can again. */
  readonly onReach: (problem: unknown) => void
  /** Told what the host refuses although it can be reached, and null when it does it again. */
  readonly onRefused: (what: 'kill' | 'poll', problem: unknown) => void
  readonly random: () => number
}

const pollChunk = 500
const firstPause = 1000
const longestPause = 10_000

export const createDispatch = (parts: DispatchParts): Dispatch => {
  const { account, client, state, commit, now } = parts
  const ended = new AbortController()
  let failures = 0
  let pausing: Promise<void> | undefined
  let polling = false
  let pollAgain = false

  /** A task's own variables, as its last definition and edits to the workflow and to the task leave them. */
  const environmentOf = (
    flow: Workflow | undefined,
    task: string,
    own: Readonly<Record<string, string>>,
  ): Record<string, string> =>
    Object.fromEntries(
      Object.entries({ ...own, ...flow?.environment, ...flow?.taskEnvironment.get(task) }).flatMap(
        ([name, value]) => (value === null ? [] : [[name, value] as const]),
      ),
    )

  const rowOf = (workflow: string, job: JobName): JobRow | undefined =>
    awaitedJob(state, account, { ...job, workflow })

  /** As the supervisor has to know it. */
  const fullName = (workflow: string, job: JobName): JobName => {
    const incarnation = incarnationOf(state, account, workflow)
    return incarnation === undefined ? job : { ...job, incarnation }
  }

  const report = async (workflow: string, events: readonly JobEvent[]): Promise<void> => {
    await commit(events.map((event) => jobNews(account, workflow, event, now())))
  }
  const learn = async (workflow: string, job: JobName, found: JobState): Promise<void> => {
    const row = rowOf(workflow, job)
    if (row !== undefined) await report(workflow, newsOf(row, job, found, now()))
  }

  const reached = (): void => {
    if (failures > 0) parts.onReach(null)
    failures = 0
  }
  /** One pause for all: whoever comes to a host that does not answer waits for the same end of it. */
  const pause = (error: unknown): Promise<void> => {
    if (pausing !== undefined) return pausing
    failures += 1
    if (failures === 1) parts.onReach(error)
    const length = Math.min(longestPause, firstPause * 2 ** (failures - 1)) * (0.75 + parts.random() / 2)
    pausing = sleep(length, undefined, { signal: ended.signal }).finally(() => {
      pausing = undefined
    })
    return pausing
  }

  const submit = async (errand: Errand, effect: NonNullable<Errand['submit']>): Promise<void> => {
    const { workflow, job } = errand
    const flow = findWorkflow(state, account, workflow)
    try {
      const found = await client.submit({
        job: fullName(workflow, job),
        attempt: effect.attempt,
        runner: effect.job.runner,
        script: effect.job.script,
        environment: environmentOf(flow, job.task, effect.job.environment),
        path: [join(parts.definitions, account, workflow, 'bin')],
        ...(effect.job.timeLimitMs === undefined ? {} : { timeLimitMs: effect.job.timeLimitMs }),
      })
      const row = rowOf(workflow, job)
      // It is there now, whatever became of it since.
      const submitted: JobEvent = { kind: 'job', at: now(), event: 'submitted', ...placeOf(job) }
      if (row !== undefined && row.submittedAt === null) await report(workflow, [submitted])
      await learn(workflow, job, found)
    } catch (error) {
      if (!(error instanceof JobRefused)) throw error
      const text = error.detail ?? error.message
      await report(workflow, [{ kind: 'job', at: now(), event: 'submit-failed', ...placeOf(job), text }])
    }
    if (errand.submit === effect) errand.submit = undefined
  }

  const kill = async (errand: Errand): Promise<void> => {
    // Not sent yet, or sent by a daemon that did not live to hear the answer: the supervisor knows.
    errand.submit = undefined
    const found = await client.kill(fullName(errand.workflow, errand.job)).catch((error: unknown) => {
      if (error instanceof JobRefused) return error
      throw error
    })
    errand.kill = false
    parts.onRefused('kill', found instanceof JobRefused ? found : null)
    if (found instanceof JobRefused) {
      // In its own time: the other kills have work to do.
      void sleep(longestPause, undefined, { signal: ended.signal }).then(
        () => killAgain(errand.workflow, errand.job),
        // The next start owes it again.
        () => undefined,
      )
      return
    }
    if (found.state === 'unknown')
      await report(errand.workflow, [
        {
          kind: 'job',
          at: now(),
          event: 'failed',
          ...placeOf(errand.job),
          exit: 143,
          text: 'It never began.',
        },
      ])
    else await learn(errand.workflow, errand.job, found)
  }

  const run = async (errand: Errand): Promise<void> => {
    while (isOwed(errand)) {
      try {
        if (pausing !== undefined) await pausing
        if (errand.kill) await kill(errand)
        else if (errand.submit !== undefined) {
          if (!mayBegin(errand)) return
          await submit(errand, errand.submit)
        }
        reached()
      } catch (error) {
        if (ended.signal.aborted) return
        await pause(error)
      }
    }
  }

  const mayBegin = ({ submit: effect }: Errand): boolean =>
    effect === undefined || parts.mayBegin(effect.job.runner)
  const errands = createErrands(run, ended.signal, mayBegin)

  const awaited = (): readonly (readonly [string, JobName])[] =>
    [...awaitedJobs(state, account)]
      .filter((row) => row.state !== 'preparing')
      .map(
        ({ workflow, cycle, task, submit: number }) =>
          [workflow, fullName(workflow, { workflow, cycle, task, submit: number })] as const,
      )

  /** A kill whose supervisor died before it was hard is asked for again. */
  const killAgain = (workflow: string, job: JobName): void => {
    if (isKilling(state, account, { ...job, workflow }))
      errands.owe(workflow, { kind: 'kill', cycle: job.cycle, task: job.task, submit: job.submit })
  }

  const pollOnce = async (): Promise<void> => {
    const asked = awaited()
    const missed: string[] = []
    for (let index = 0; index < asked.length; index += pollChunk) {
      const answers = await client.poll(asked.slice(index, index + pollChunk).map(([, job]) => job))
      reached()
      for (const { job, why } of answers.unseen ?? []) {
        missed.push(`${keyOf(job)}: ${why}`)
      }
      for (const { job, state: found } of answers.jobs) {
        if (!isOfPresent(state, account, job)) continue
        await learn(job.workflow, job, found)
        if (found.state === 'running') killAgain(job.workflow, job)
      }
    }
    const [first] = missed
    parts.onRefused(
      'poll',
      first === undefined ? null : `${missed.length} jobs cannot be looked at, such as ${first}`,
    )
  }

  const poll = (): void => {
    if (polling) {
      pollAgain = true
      return
    }
    polling = true
    pollOnce()
      .catch((error: unknown) => {
        if (ended.signal.aborted) return undefined
        // The road is sound: nothing else has to wait.
        return error instanceof JobRefused ? parts.onRefused('poll', error) : pause(error)
      })
      // The pause ends with the daemon.
      .catch(() => undefined)
      .finally(() => {
        polling = false
        if (pollAgain && !ended.signal.aborted) {
          pollAgain = false
          poll()
        }
      })
  }

  return {
    owe: errands.owe,
    again: errands.again,
    poll,
    close: () => {
      ended.abort()
      client.close()
    },
  }
}

const placeOf = ({ cycle, task, submit }: JobName) => ({ cycle, task, submit })
