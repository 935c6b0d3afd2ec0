/**
 * What daemon and job supervisor say to each other, as NDJSON over the agent's verb `jobs`: requests one way,
 * answers the other, in any order, joined by `id`. And the small files by which jobs say how they are.
 */
import { z } from 'zod/mini'
import { copyOrder } from './copies.ts'
import { absolutePath, accountName, cyclePoint, jobKey, taskName, workflowName } from './ids.ts'

/** Of these shapes; a supervisor that says another one in its greeting is replaced when it is idle. */
export const jobsProtocol = 1

/** Longest line in either direction, bytes. */
export const jobsLineLimit = 1024 * 1024

const submitNumber = z.number().check(z.int(), z.positive(), z.lte(1_000_000))
/** Epoch, ms. */
const time = z.number().check(z.nonnegative())
const id = z.number().check(z.int(), z.nonnegative())

/** One job of the account that the supervisor serves. */
export const jobName = z.readonly(
  z.strictObject({
    workflow: workflowName,
    cycle: cyclePoint,
    task: taskName,
    submit: submitNumber,
    /** Of its workflow: one that is removed and installed again has other jobs of the same names. */
    incarnation: z.optional(z.string().check(z.regex(/^[0-9a-f]{16}$/))),
  }),
)
export type JobName = z.infer<typeof jobName>

export const keyOf = (job: JobName): string => jobKey(job.workflow, job.cycle, job.task, job.submit)

/** The reverse of `keyOf`; undefined for anything that is not exactly such a key. */
export const parseJobKey = (key: string): JobName | undefined => {
  const [, workflow, cycle, task, submit] = /^([^/]+)\/\/([^/]+)\/([^/]+)\/([0-9]{2,7})$/.exec(key) ?? []
  const parsed = jobName.safeParse({ workflow, cycle, task, submit: Number(submit) })
  return parsed.success && keyOf(parsed.data) === key ? parsed.data : undefined
}

/** What a task's `runner:` may say; runners/registry.ts has one of each. */
export const runnerNames = ['background'] as const

export const variableName = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/
/** The system passes no longer ones, and none with NUL. */
export const variableValue = /^[^\0]{0,65536}$/
/** Names and values of what one definition or one person's edits set for a job, characters. */
export const environmentLimit = 128 * 1024
export const sizeOfEnvironment = (environment: Readonly<Record<string, string | null>>): number =>
  Object.entries(environment).reduce((sum, [name, value]) => sum + name.length + (value?.length ?? 0), 0)

/** What is needed to run a job. Carrying out the same submission again is harmless. */
export const jobSubmission = z.readonly(
  z.strictObject({
    job: jobName,
    /** Which try of its series it is: 1, then 2 after one retry. */
    attempt: z.number().check(z.int(), z.positive()),
    runner: z.string().check(z.regex(/^[a-z][a-z0-9-]{0,31}$/)),
    /** Begins with `#!` or is given to `sh -e`. */
    script: z.string().check(z.maxLength(256 * 1024)),
    environment: z.record(z.string().check(z.regex(variableName)), z.string().check(z.regex(variableValue))),
    /** Directories put before the job's PATH. */
    path: z.readonly(z.array(absolutePath.check(z.regex(/^[^:]*$/)))),
    timeLimitMs: z.optional(z.number().check(z.positive())),
  }),
)
export type JobSubmission = z.infer<typeof jobSubmission>

/**
 * How a job is. `unknown`: never submitted here. `submitted`: accepted, not begun. `lost`: it began, or was about
 * to, and is gone without having said how it ended (the host went down, the wrapper was killed).
 */
export const jobState = z.readonly(
  z.discriminatedUnion('state', [
    z.strictObject({ state: z.literal('unknown') }),
    z.strictObject({ state: z.literal('submitted'), at: time }),
    z.strictObject({ state: z.literal('running'), startedAt: time }),
    z.strictObject({
      state: z.enum(['succeeded', 'failed', 'lost']),
      startedAt: z.nullable(time),
      finishedAt: time,
      /** Exit code, or 128 + signal; null where nobody could tell. */
      exit: z.nullable(z.number()),
      /** For people: the signal, the time limit. */
      note: z.nullable(z.string()),
    }),
  ]),
)
export type JobState = z.infer<typeof jobState>

/** Of the daemon's lease. One that was taken over is refused with `lease.lost`, whatever it asks. */
const epoch = z.number().check(z.int(), z.nonnegative())

export const jobsRequest = z.discriminatedUnion('op', [
  z.strictObject({ id, epoch, op: z.literal('submit'), submission: jobSubmission }),
  z.strictObject({ id, epoch, op: z.literal('poll'), jobs: z.array(jobName).check(z.maxLength(1000)) }),
  /** Answered as soon as the job was signalled; how it ended comes as an event, or by poll. */
  z.strictObject({ id, epoch, op: z.literal('kill'), job: jobName }),
  /** After its answer the connection is a copier's input and output (protocol/copies.ts). */
  z.strictObject({ id, epoch, op: z.literal('copy'), order: copyOrder }),
])
export type JobsRequest = z.infer<typeof jobsRequest>

/** Enough of a request to say no to it, whatever else is wrong with it. */
export const jobsRequestHead = z.object({ id, op: z.optional(z.unknown()) })

/** The supervisor's first line on each connection. */
export const jobsGreeting = z.strictObject({
  jobs: z.literal(jobsProtocol),
  version: z.string(),
  host: z.string(),
  account: accountName,
})

const ok = z.literal(true)
export const jobsAnswer = z.union([
  z.strictObject({ id, ok, op: z.literal('submit'), state: jobState, logs: absolutePath }),
  z.strictObject({
    id,
    ok,
    op: z.literal('poll'),
    jobs: z.array(z.strictObject({ job: jobName, state: jobState })),
    /** Those that could not be looked at, and why: they are as they were. */
    unseen: z.optional(z.array(z.strictObject({ job: jobName, why: z.string() }))),
  }),
  z.strictObject({ id, ok, op: z.literal('kill'), state: jobState }),
  z.strictObject({ id, ok, op: z.literal('copy') }),
  /** `code` is one of protocol/errors.ts. */
  z.strictObject({ id, ok: z.literal(false), code: z.string(), detail: z.optional(z.string()) }),
])
export type JobsAnswer = z.infer<typeof jobsAnswer>

/** The environment that every job has, beside its own variables and PATH, HOME, LANG, USER, TZ: docs/reference/jobs.md. */
export const jobEnvironment = {
  SENESCHAL_ACCOUNT: 'the account it runs as',
  SENESCHAL_WORKFLOW: 'its workflow',
  SENESCHAL_CYCLE: 'its cycle point',
  SENESCHAL_TASK: 'its task',
  SENESCHAL_SUBMIT: 'number of this submission, from 1',
  SENESCHAL_INCARNATION: 'which workflow of that name it belongs to; empty where nobody said',
  SENESCHAL_ATTEMPT: 'which try of its series it is, from 1',
  SENESCHAL_JOB: 'all of that as one id: workflow//cycle/task/NN',
  SENESCHAL_RUN_DIR: "the workflow's run directory",
  SENESCHAL_WORK_DIR: 'where it starts: a directory of this task in this cycle',
  SENESCHAL_SHARE_DIR: 'a directory that all tasks of the workflow share',
  SENESCHAL_LOG_DIR: 'where job.out, job.err and job-activity.log are',
  SENESCHAL_EVENTS_DIR: 'where seneschal-message leaves its messages',
} as const satisfies Record<string, string>

/** Largest file in `job_events`, bytes. */
export const jobEventMaxBytes = 4096

/**
 * One file in `job_events/ACCOUNT/`, written by the job wrapper under a temporary name that begins with a dot, then
 * renamed. It can say how its own job is, nothing else.
 */
export const jobEventFile = z.readonly(
  z.strictObject({
    v: z.literal(1),
    ...jobName.def.innerType.shape,
    event: z.enum(['started', 'succeeded', 'failed', 'message']),
    time,
    exit: z.optional(z.number().check(z.int(), z.gte(0), z.lte(255))),
    text: z.optional(z.string().check(z.maxLength(1000))),
  }),
)
export type JobEventFile = z.infer<typeof jobEventFile>
