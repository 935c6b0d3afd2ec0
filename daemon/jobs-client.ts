/** The daemon's end of the line to one account's job supervisor: opened when needed, opened again when it broke. */
import type { Duplex } from 'node:stream'
import { z } from 'zod/mini'
import { createLineSplitter } from '../durable/line-splitter.ts'
import type { JobsSettings } from '../protocol/agent.ts'
import { isErrorCode, SeneschalError } from '../protocol/errors.ts'
import {
  type JobName,
  type JobState,
  type JobSubmission,
  type JobsAnswer,
  type JobsRequest,
  jobSubmission,
  jobsAnswer,
  jobsGreeting,
  jobsLineLimit,
} from '../protocol/jobs.ts'
import { openJobs } from '../wire/agent-calls.ts'
import type { Transport } from '../wire/transport.ts'

export type JobsClient = {
  /** Rejects with the supervisor's own code, or with that of the road to it. */
  readonly submit: (submission: JobSubmission) => Promise<JobState>
  readonly poll: (
    jobs: readonly JobName[],
  ) => Promise<Pick<Extract<JobsAnswer, { op: 'poll' }>, 'jobs' | 'unseen'>>
  readonly kill: (job: JobName) => Promise<JobState>
  readonly close: () => void
}

/** The supervisor answered, and its answer was no: trying again changes nothing. */
export class JobRefused extends SeneschalError {}

type Body = JobsRequest extends infer R ? (R extends JobsRequest ? Omit<R, 'id' | 'epoch'> : never) : never
type Line = {
  readonly stream: Duplex
  readonly waiting: Map<number, PromiseWithResolvers<JobsAnswer>>
}

/** From the call to the supervisor's greeting: it may have to be started first, behind a slow login. */
const openTimeout = 30_000
const answerTimeout = 30_000

const broken = (why: string): SeneschalError => new SeneschalError('lost.connection', why)

export const createJobsClient = (
  transport: Transport,
  settings: JobsSettings,
  epoch: number,
  said: {
    /** What a login script printed. */
    readonly noise: (text: string) => void
    readonly progress: (text: string) => void
  },
): JobsClient => {
  const closed = new AbortController()
  let opening: Promise<Line> | undefined
  let nextId = 0

  const open = async (): Promise<Line> => {
    const { stream } = await openJobs(transport, settings, {
      timeout: openTimeout,
      signal: closed.signal,
      ...said,
    })
    const line: Line = { stream, waiting: new Map() }
    const greeted = Promise.withResolvers<void>()
    let isGreeting = true
    const take = createLineSplitter(jobsLineLimit, (text) => {
      const value: unknown = JSON.parse(text)
      if (isGreeting) {
        jobsGreeting.parse(value)
        isGreeting = false
        greeted.resolve()
        return
      }
      const answer = jobsAnswer.parse(value)
      line.waiting.get(answer.id)?.resolve(answer)
      line.waiting.delete(answer.id)
    })
    const end = (why: SeneschalError): void => {
      if (opening === mine) opening = undefined
      stream.destroy()
      greeted.reject(why)
      for (const { reject } of line.waiting.values()) reject(why)
      line.waiting.clear()
    }
    const mine = opening
    stream.on('data', (chunk: Buffer) => {
      try {
        take(chunk)
      } catch (cause) {
        end(new SeneschalError('agent.failed', 'The job supervisor said something unknown.', { cause }))
      }
    })
    stream.on('error', () => end(broken('The line to the job supervisor broke.')))
    // Its end is enough: our own half may stay open for as long as nobody writes.
    for (const over of ['end', 'close'] as const)
      stream.on(over, () => end(broken('The line to the job supervisor was closed.')))
    const late = setTimeout(() => end(broken('The job supervisor did not greet.')), openTimeout)
    try {
      await greeted.promise
    } finally {
      clearTimeout(late)
    }
    return line
  }

  const connect = (): Promise<Line> => {
    if (opening !== undefined) return opening
    // Set before `open` runs, so that it can tell whether it still is the one.
    const started = Promise.withResolvers<Line>()
    opening = started.promise
    open().then(started.resolve, (error: unknown) => {
      if (opening === started.promise) opening = undefined
      started.reject(error)
    })
    return started.promise
  }

  const call = async (body: Body): Promise<Extract<JobsAnswer, { ok: true }>> => {
    closed.signal.throwIfAborted()
    const line = await connect()
    const id = ++nextId
    const waiting = Promise.withResolvers<JobsAnswer>()
    line.waiting.set(id, waiting)
    const late = setTimeout(() => {
      line.waiting.delete(id)
      waiting.reject(broken('The job supervisor did not answer.'))
      // Whatever hangs there, the next call begins with a fresh line.
      line.stream.destroy()
    }, answerTimeout)
    line.stream.write(`${JSON.stringify({ ...body, id, epoch })}\n`)
    try {
      const answer = await waiting.promise
      if (answer.ok) return answer
      throw new JobRefused(isErrorCode(answer.code) ? answer.code : 'internal', answer.detail)
    } finally {
      clearTimeout(late)
    }
  }

  /** What the supervisor would hang up on, and be sent for ever: told at once as what can never be. */
  const fitting = (submission: JobSubmission): JobSubmission => {
    const { success, error } = jobSubmission.safeParse(submission)
    if (!success) throw new JobRefused('job.submit-failed', z.prettifyError(error))
    if (Buffer.byteLength(JSON.stringify(submission)) > jobsLineLimit - 1024)
      throw new JobRefused('job.submit-failed', 'Its script and environment are too large together.')
    return submission
  }

  const unexpected = (): never => {
    throw new SeneschalError('agent.failed', 'The job supervisor answered another question.')
  }

  return {
    submit: async (submission) => {
      const answer = await call({ op: 'submit', submission: fitting(submission) })
      return answer.op === 'submit' ? answer.state : unexpected()
    },
    poll: async (jobs) => {
      const answer = await call({ op: 'poll', jobs: [...jobs] })
      return answer.op === 'poll' ? answer : unexpected()
    },
    kill: async (job) => {
      const answer = await call({ op: 'kill', job })
      return answer.op === 'kill' ? answer.state : unexpected()
    },
    close: () => {
      closed.abort(broken('The daemon ends.'))
      transport.close()
      opening?.then(
        ({ stream }) => stream.destroy(),
        () => undefined,
      )
    },
  }
}
