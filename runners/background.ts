/** Runs jobs as children of nobody: each leads its own session on this host and outlives the supervisor. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errnoOf } from '../durable/files.ts'
import { SeneschalError } from '../protocol/errors.ts'
import type { JobEventFile, JobState } from '../protocol/jobs.ts'
import { type PreparedJob, type Runner, type RunnerDeps, runnerContract } from './contract.ts'
import { isAlive, membersOf, signal } from './processes.ts'
import { isThere, keepFirst, pollWidth, readJobFiles, readJobState } from './status.ts'

export type BackgroundDeps = RunnerDeps & {
  /** Of this host's present boot. */
  readonly boot: string
  /** Where an end is reported that no wrapper lived to report. */
  readonly events: string
}

/** Stands in the environment of every process of a job. */
const markerOf = (directory: string): string => `SENESCHAL_LOG_DIR=${directory}`

type End = { readonly outcome: 'failed' | 'lost'; readonly exit: number | null; readonly note: string }

const killed: End = { outcome: 'failed', exit: 137, note: 'killed' }

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)))

const launch = (prepared: PreparedJob): Promise<ReturnType<typeof spawn>> =>
  new Promise((resolve, reject) => {
    const [program, ...args] = prepared.command
    const refuse = (cause: unknown) => {
      const why = errnoOf(cause) ?? 'unknown error'
      reject(new SeneschalError('job.submit-failed', `The wrapper cannot be started: ${why}.`, { cause }))
    }
    // What the wrapper itself complains about belongs into the job's own log.
    const log = openSync(join(prepared.directory, 'job-activity.log'), 'a', 0o640)
    try {
      const child = spawn(program, args, {
        detached: true,
        cwd: prepared.workDirectory,
        env: prepared.environment,
        stdio: ['ignore', log, log],
      })
      child.once('error', refuse)
      child.once('spawn', () => resolve(child))
      child.unref()
    } catch (cause) {
      refuse(cause)
    } finally {
      closeSync(log)
    }
  })

export const createBackground = (deps: BackgroundDeps): Runner => {
  /** Wrappers that are our children, by job directory. */
  const children = new Map<string, Promise<void>>()
  /** Being killed: whose wrapper then goes was not lost. */
  const killing = new Set<string>()
  const ended = new AbortController()

  const report = async (directory: string, end: End): Promise<void> => {
    const { record } = await readJobFiles(directory)
    const line = `${end.outcome} ${end.exit ?? '-'} ${deps.now()} ${end.note}\n`
    if (!(await keepFirst(join(directory, '.ended'), line))) return
    // A job can spoil its own record: then a poll tells how it ended, and no event.
    if (record === undefined) return
    const { workflow, cycle, task, submit, incarnation } = record.job
    const event: JobEventFile = {
      v: 1,
      workflow,
      cycle,
      task,
      submit,
      ...(incarnation === undefined ? {} : { incarnation }),
      event: 'failed',
      time: deps.now(),
      ...(end.exit === null ? {} : { exit: end.exit }),
      text: end.note,
    }
    const name = `${workflow}.${cycle}.${task}.${submit}.failed.json`
    const temporary = join(deps.events, `.${name}.${randomBytes(6).toString('hex')}`)
    await writeFile(temporary, `${JSON.stringify(event)}\n`, { mode: 0o640 })
    await rename(temporary, join(deps.events, name))
  }

  const isRunning = async (directory: string): Promise<boolean> => {
    const { process } = await readJobFiles(directory)
    return process !== undefined && isAlive(process, deps.boot)
  }

  /** Ends whatever is left of a job: one that is given up must not go on beside its next try. */
  const endMembers = async (directory: string): Promise<void> => {
    const { process: leader } = await readJobFiles(directory)
    for (let tries = 0; tries < 10; tries += 1) {
      const members = await membersOf(leader, markerOf(directory), deps.boot)
      if (members.length === 0) break
      for (const member of members) await signal(member, 'SIGKILL')
      await sleep(50)
    }
  }

  /** Says also how it ended, if its wrapper did not live to. */
  const finish = async (directory: string, end: End): Promise<void> => {
    await endMembers(directory)
    await report(directory, end)
  }

  const follow = async (directory: string, child: ReturnType<typeof spawn>): Promise<void> => {
    const [code, name] = await new Promise<readonly [number | null, NodeJS.Signals | null]>((resolve) =>
      child.once('exit', (...how) => resolve(how)),
    )
    children.delete(directory)
    if ((await readJobFiles(directory)).ended !== undefined) {
      // The wrapper ends its own session; what left that has overrun its time as well.
      if (await isThere(join(directory, '.limit'))) await endMembers(directory)
      return
    }
    // A second wrapper of the same job leaves at once, and the first one goes on.
    if (await isRunning(directory)) return
    if (killing.has(directory)) return finish(directory, killed)
    const note = name === null ? `its wrapper ended with exit ${code}` : `its wrapper was ended by ${name}`
    await finish(directory, { outcome: 'lost', exit: null, note })
  }

  const watched = (work: Promise<void>, directory: string): void => {
    work.catch((error: unknown) => {
      if (!ended.signal.aborted) deps.warn('the end of a job could not be recorded', { directory, error })
    })
  }

  const look = (directory: string): Promise<JobState> =>
    readJobState(directory, deps.boot, deps.now(), children.has(directory))

  const stateOf = async (directory: string): Promise<JobState> => {
    const state = await look(directory)
    if (state.state !== 'lost') return state
    const gone: End = { outcome: 'lost', exit: null, note: state.note ?? 'it is gone' }
    await finish(directory, killing.has(directory) ? killed : gone)
    return look(directory)
  }

  return {
    name: 'background',
    contract: runnerContract,

    submit: async (prepared) => {
      const { directory } = prepared
      if (children.has(directory)) return
      const files = await readJobFiles(directory)
      if (files.process !== undefined || files.ended !== undefined) return
      const child = await launch(prepared)
      const done = follow(directory, child)
      children.set(directory, done)
      watched(done, directory)
    },

    poll: async (directories) => {
      const states = new Map<string, JobState | Error>()
      for (let index = 0; index < directories.length; index += pollWidth)
        await Promise.all(
          directories.slice(index, index + pollWidth).map(async (directory) => {
            states.set(directory, await stateOf(directory).catch(asError))
          }),
        )
      return states
    },

    kill: async (directory) => {
      const before = await readJobFiles(directory)
      if (before.ended !== undefined) return
      // The wrapper writes .pid, then looks for .ended; we do it the other way round, so one of us sees the other.
      if (before.process === undefined)
        await report(directory, { outcome: 'failed', exit: 143, note: 'killed before it began' })
      const { process: leader } = await readJobFiles(directory)
      if (leader === undefined) return
      killing.add(directory)
      for (const member of await membersOf(leader, markerOf(directory), deps.boot))
        await signal(member, 'SIGTERM')
      const later = sleep(deps.graceMs, undefined, { signal: ended.signal, ref: false }).then(
        () => finish(directory, killed),
        (reason: unknown) => {
          if (!ended.signal.aborted) throw reason
        },
      )
      watched(
        later.finally(() => killing.delete(directory)),
        directory,
      )
    },

    left: async (directory) => {
      // Its wrapper says how it ended a moment before it goes. What fails then is told where it is followed.
      await Promise.allSettled([children.get(directory)])
    },

    active: () => children.size,
    close: () => ended.abort(),
  }
}
