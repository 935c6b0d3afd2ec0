/**
 * The far side's single door: one verb from SSH_ORIGINAL_COMMAND, matched exactly and never given to a shell. What is
 * refused is recorded on the host before it is answered.
 * Starts fast: everything but the refusal is imported when its verb is known.
 */
import type { Readable, Writable } from 'node:stream'
import {
  type AgentRole,
  type AgentVerb,
  agentLineLimit,
  formatPreamble,
  parseAgentCommand,
  slurmVerbs,
} from '../../protocol/agent-line.ts'
import { asSeneschalError, SeneschalError } from '../../protocol/errors.ts'
import type { Environment } from '../../wire/environment.ts'
import { createHeadReader, readLine } from '../../wire/head-reader.ts'
import type { Refusal } from './record-refusal.ts'
import type { Verb } from './verb.ts'

export type AgentOptions = {
  /** From the forced command, so that the key's holder cannot choose it. */
  readonly role: AgentRole
  /** Also from the forced command: whose feed the role `feed` may read. */
  readonly site?: string | undefined
  /** Also from there: where Slurm's commands are. Without it the key reaches no cluster. */
  readonly slurm?: string | undefined
  /** SSH_ORIGINAL_COMMAND; undefined where somebody asked for a shell. */
  readonly originalCommand: string | undefined
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly env: Environment
  /** Absolute path of the installation's entry file, of which `uiserver` and `supervisor` are verbs. */
  readonly entry: string
  /** Resolves with what could not be recorded; the host's system log and a file of the account without it. */
  readonly record?: (refusal: Refusal) => Promise<readonly string[]>
}

/** EX_NOPERM of sysexits.h. */
const refusedExit = 77
const failedExit = 1
/** Within which the caller's line must come, ms: nobody's agent waits for ever. */
const inputTimeout = 30_000

const verbs: Readonly<Record<AgentVerb, () => Promise<Verb>>> = {
  start: async () => (await import('./verb-start.ts')).start,
  connect: async () => (await import('./verb-connect.ts')).connect,
  status: async () => (await import('./verb-status.ts')).status,
  stop: async () => (await import('./verb-stop.ts')).stop,
  stats: async () => (await import('./verb-stats.ts')).stats,
  version: async () => (await import('./verb-version.ts')).version,
  submit: async () => (await import('./verb-submit.ts')).submit,
  queue: async () => (await import('./verb-queue.ts')).queue,
  cancel: async () => (await import('./verb-cancel.ts')).cancel,
  jobs: async () => (await import('./verb-jobs.ts')).jobs,
  facts: async () => (await import('./verb-facts.ts')).facts,
  order: async () => (await import('./verb-order.ts')).order,
  feed: async () => (await import('./verb-feed.ts')).feed,
}

/** Resolves with the exit code once everything is written; the caller may then end the process. */
export const runAgent = async (options: AgentOptions): Promise<number> => {
  const { stdin, stdout } = options
  // A caller that goes away while it is written to is no fault of ours; 'close' of stdin tells the verbs.
  stdout.on('error', () => stdin.destroy())
  const say = (message: Readonly<Record<string, unknown>>) => stdout.write(`${JSON.stringify(message)}\n`)
  const finish = async (code: number): Promise<number> => {
    stdin.destroy()
    if (!stdout.writableEnded) stdout.end()
    if (!stdout.writableFinished && !stdout.destroyed)
      await new Promise((done) => stdout.once('finish', done).once('close', done).once('error', done))
    return code
  }

  const parsed =
    options.originalCommand === undefined
      ? undefined
      : parseAgentCommand(options.role, options.originalCommand)
  const isBarred = parsed?.verb !== undefined && slurmVerbs.has(parsed.verb) && options.slurm === undefined
  const command = isBarred ? { nonce: parsed.nonce, verb: undefined } : parsed
  if (command !== undefined) stdout.write(formatPreamble(command.nonce))
  if (command?.verb === undefined) {
    const asked = quote(options.originalCommand?.slice(0, 200) ?? 'a shell')
    options.stderr.write(`seneschal agent: refused role=${options.role} asked=${asked}\n`)
    const record = options.record ?? (await recorderOf(options.env))
    const failures = await record({ role: options.role, asked })
    for (const failure of failures)
      options.stderr.write(`seneschal agent: not recorded in ${quote(failure)}\n`)
    say({ error: { code: 'agent.refused', detail: `The key of the ${options.role} may not run ${asked}.` } })
    return finish(refusedExit)
  }

  try {
    const verb = await verbs[command.verb]()
    const reader = createHeadReader(stdin)
    const line = await readLine(reader, agentLineLimit, AbortSignal.timeout(inputTimeout))
    reader.leave()
    if (line === undefined) throw new SeneschalError('input.invalid', 'No line of input came.')
    await verb({
      input: parseInput(line),
      stdin,
      stdout,
      env: options.env,
      entry: options.entry,
      site: options.site,
      slurm: options.slurm,
      progress: (text) => say({ progress: text }),
      answer: (value) => say({ answer: value }),
    })
    return await finish(0)
  } catch (thrown) {
    const error = describeFailure(thrown)
    say({ error: { code: error.code, detail: error.detail } })
    options.stderr.write(`seneschal agent: ${command.verb}: ${error.code} ${quote(error.detail ?? '')}\n`)
    return finish(failedExit)
  }
}

const recorderOf = async (env: Environment): Promise<NonNullable<AgentOptions['record']>> => {
  const { recordRefusal } = await import('./record-refusal.ts')
  return (refusal) => recordRefusal(refusal, { env, now: Date.now })
}

/** For a log: one line whatever is in it, line separators and direction marks included. */
const quote = (text: string): string =>
  JSON.stringify(text).replaceAll(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (mark) => `\\u{${mark.codePointAt(0)?.toString(16)}}`,
  )

const parseInput = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch (cause) {
    throw new SeneschalError('input.invalid', 'The line of input is not JSON.', { cause })
  }
}

/** An account that may run the agent may know why it failed: unlike in the hub, the cause is told. */
const describeFailure = (thrown: unknown): SeneschalError => {
  const error = asSeneschalError(thrown)
  if (error.code !== 'internal') return error
  return new SeneschalError(
    'agent.failed',
    error.cause instanceof Error ? error.cause.message : String(error.cause),
  )
}
