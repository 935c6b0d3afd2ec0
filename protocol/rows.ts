/**
 * The rows that make up what people see: written by the daemon into an account's feed, kept by its UI
 * server, sent to browsers. Times are epoch ms; null means "not yet".
 */
import { z } from 'zod/mini'
import { auditRecord } from './audit.ts'
import { copyProgress } from './copies.ts'
import { accountName, cyclePoint, personName, requestId, taskName, workflowName } from './ids.ts'
import { layerRow } from './layers.ts'
import { rest } from './maintenance.ts'
import { pluginIdentity } from './plugins.ts'
import { requestStates } from './requests.ts'

const time = z.number()
const maybeTime = z.nullable(time)

export const taskStates = [
  'waiting',
  'preparing',
  'submitted',
  'running',
  'succeeded',
  'failed',
  'submit-failed',
  'expired',
] as const
export type TaskState = (typeof taskStates)[number]
const taskState = z.enum(taskStates)

export const workflowStates = ['stopped', 'running', 'paused', 'stopping', 'stalled', 'finished'] as const
export type WorkflowState = (typeof workflowStates)[number]

/** Instances by state; `held` and `late` count modifiers, so they overlap with the states. */
export const counts = z.readonly(
  z.strictObject({
    waiting: z.number(),
    preparing: z.number(),
    submitted: z.number(),
    running: z.number(),
    succeeded: z.number(),
    failed: z.number(),
    'submit-failed': z.number(),
    expired: z.number(),
    held: z.number(),
    late: z.number(),
    retrying: z.number(),
  }),
)
export type Counts = z.infer<typeof counts>

export const noCounts: Counts = {
  waiting: 0,
  preparing: 0,
  submitted: 0,
  running: 0,
  succeeded: 0,
  failed: 0,
  'submit-failed': 0,
  expired: 0,
  held: 0,
  late: 0,
  retrying: 0,
}

export const meta = z.readonly(
  z.strictObject({
    title: z.optional(z.string()),
    description: z.optional(z.string()),
    runbook: z.optional(z.string()),
    contact: z.optional(z.string()),
    priority: z.optional(z.enum(['low', 'normal', 'high', 'critical'])),
  }),
)

/** Key: the workflow's name. */
export const workflowRow = z.readonly(
  z.strictObject({
    workflow: workflowName,
    meta,
    state: z.enum(workflowStates),
    held: z.boolean(),
    /** Why it stalled, for a person; null when it did not. */
    stall: z.nullable(z.string()),
    /** Active instances by state, finished ones of the cycles still shown included. */
    counts,
    /** Oldest and newest active cycle point. */
    cycles: z.nullable(z.readonly(z.strictObject({ first: cyclePoint, last: cyclePoint }))),
    /** Last change of any of its rows. */
    at: time,
    /** Why the last reload was refused, file:line:column: message; null when all is well. */
    problem: z.nullable(z.string()),
    /** What the definition in force probably does not mean, file:line:column: message each. Absent: nothing. */
    warnings: z.optional(z.readonly(z.array(z.string()))),
  }),
)
export type WorkflowRow = z.infer<typeof workflowRow>

/** One task of a definition, with its families from the outermost in. Key: `workflow//task`. */
export const taskRow = z.readonly(
  z.strictObject({
    workflow: workflowName,
    task: taskName,
    title: z.nullable(z.string()),
    families: z.readonly(z.array(z.string())),
    runner: z.string(),
    /** Mean elapsed time of its succeeded jobs, ms; null before the first. */
    meanRun: maybeTime,
    /** Parent tasks by the graph, for drawing: `task` or `task[-P1]`, with the output waited for. */
    after: z.readonly(
      z.array(z.strictObject({ task: z.string(), offset: z.nullable(z.string()), output: z.string() })),
    ),
  }),
)
export type TaskRow = z.infer<typeof taskRow>

/** One task instance. Key: `instanceKey`. */
export const instanceRow = z.readonly(
  z.strictObject({
    workflow: workflowName,
    cycle: cyclePoint,
    task: taskName,
    state: taskState,
    held: z.boolean(),
    queued: z.boolean(),
    runahead: z.boolean(),
    late: z.boolean(),
    /** Stopped by a person: held, its job killed, no `failed` output. */
    stopped: z.boolean(),
    /** When the next try starts. */
    retryAt: maybeTime,
    /** Number of the latest submission, 0 before the first. */
    submit: z.number(),
    submittedAt: maybeTime,
    startedAt: maybeTime,
    finishedAt: maybeTime,
    outputs: z.readonly(z.array(z.string())),
    /** What it waits or waited for. */
    prerequisites: z.readonly(
      z.array(
        z.strictObject({ task: z.string(), cycle: cyclePoint, output: z.string(), satisfied: z.boolean() }),
      ),
    ),
    at: time,
  }),
)
export type InstanceRow = z.infer<typeof instanceRow>

/** One job: one submission of an instance. Kept as history after its instance is gone. Key: `jobKey`. */
export const jobRow = z.readonly(
  z.strictObject({
    workflow: workflowName,
    cycle: cyclePoint,
    task: taskName,
    submit: z.number(),
    state: z.enum([
      'preparing',
      'submitted',
      'running',
      'succeeded',
      'failed',
      'submit-failed',
      'killed',
      'lost',
    ]),
    runner: z.string(),
    host: z.nullable(z.string()),
    submittedAt: maybeTime,
    startedAt: maybeTime,
    finishedAt: maybeTime,
    /** Exit code, or 128 + signal. */
    exit: z.nullable(z.number()),
    /** What went wrong, for a person. */
    note: z.nullable(z.string()),
  }),
)
export type JobRow = z.infer<typeof jobRow>

/** A request and how it ended. Key: its id. The account's feed has all of it, the site's feed no arguments. */
export const requestRow = z.readonly(
  z.strictObject({
    id: requestId,
    account: accountName,
    action: z.string(),
    workflow: z.nullable(workflowName),
    cycle: z.nullable(cyclePoint),
    task: z.nullable(taskName),
    /** null: the account's own, no person known. */
    person: z.nullable(personName),
    via: z.enum(['web', 'cli']),
    state: z.enum(requestStates),
    code: z.nullable(z.string()),
    reason: z.nullable(z.string()),
    /** Which plugin it runs, and by which code; only for plugin runs. */
    plugin: z.optional(pluginIdentity),
    /** Of a copy under way. Only in the account's feed. */
    progress: z.optional(copyProgress),
    at: time,
  }),
)
export type RequestRow = z.infer<typeof requestRow>

/** One workflow as the wall and the home page know it. Key: `account/workflow`. Site feed. */
export const summaryRow = z.readonly(
  z.strictObject({
    account: accountName,
    ...workflowRow.def.innerType.shape,
    /** The worst instances, at most eight, failed ones first. */
    attention: z.readonly(
      z.array(
        z.strictObject({ cycle: cyclePoint, task: taskName, state: taskState, late: z.boolean(), at: time }),
      ),
    ),
  }),
)
export type SummaryRow = z.infer<typeof summaryRow>

/** Key: the account. Site feed. */
export const accountRow = z.readonly(
  z.strictObject({
    account: accountName,
    title: z.nullable(z.string()),
    /** Why the account is not served; null when it is. */
    problem: z.nullable(z.string()),
    /** Why nothing new starts there; absent when things do. */
    rests: z.optional(z.readonly(z.array(rest))),
    at: time,
    /** Which daemon runs its workflows: added by the hub. */
    daemon: z.optional(z.string()),
  }),
)
export type AccountRow = z.infer<typeof accountRow>

/** State of an account's UI server. Key: the account. Made by the hub. */
export const serverStates = ['off', 'starting', 'on', 'stopping', 'failed'] as const
export type ServerState = (typeof serverStates)[number]
export const serverRow = z.readonly(
  z.strictObject({
    account: accountName,
    state: z.enum(serverStates),
    host: z.nullable(z.string()),
    since: time,
    code: z.nullable(z.string()),
    reason: z.nullable(z.string()),
    /** Of the product, where it is another than the hub's: it goes on until nobody looks, and is replaced then. */
    version: z.nullable(z.string()),
  }),
)
export type ServerRow = z.infer<typeof serverRow>

/** The daemon itself, as the hub sees it. Key: its name. */
export const daemonRow = z.readonly(
  z.strictObject({
    daemon: z.string(),
    /** last heard of */ at: time,
    silent: z.boolean(),
    version: z.nullable(z.string()),
    /** What is wrong with it, and concerns everybody: stable codes. */
    codes: z.optional(z.readonly(z.array(z.string()))),
  }),
)
export type DaemonRow = z.infer<typeof daemonRow>

/** The hub that is looked at. Key: `hub`; there is none as long as nothing was wrong with it. */
export const hubRow = z.readonly(
  z.strictObject({
    /** What concerns everybody: stable codes. */
    codes: z.readonly(z.array(z.string())),
  }),
)

/** Which row stands under which kind. */
export const accountKinds = {
  workflow: workflowRow,
  task: taskRow,
  instance: instanceRow,
  job: jobRow,
  request: requestRow,
} as const
/** `audit`: the daemon's own records, key `WRITER#SEQ`; a snapshot holds the last 1,000. */
export const siteKinds = {
  summary: summaryRow,
  account: accountRow,
  request: requestRow,
  layer: layerRow,
  audit: auditRecord,
} as const
export const wallKinds = {
  summary: summaryRow,
  account: accountRow,
  server: serverRow,
  daemon: daemonRow,
  hub: hubRow,
} as const

type RowsOf<K extends Record<string, z.ZodMiniType>> = {
  [N in keyof K & string]: { readonly kind: N; readonly key: string; readonly row: z.infer<K[N]> }
}[keyof K & string]
export type AccountPut = RowsOf<typeof accountKinds>
export type SitePut = RowsOf<typeof siteKinds>
export type WallPut = RowsOf<typeof wallKinds>
export type Drop<Kind extends string = string> = { readonly kind: Kind; readonly key: string }
