/** Calling the agent through a transport: one verb with its input, then its answer or the stream it opened. */
import type { Duplex } from 'node:stream'
import type { z } from 'zod/mini'
import {
  agentMessage,
  type BatchInput,
  type CancelAnswer,
  cancelAnswer,
  type FactsAnswer,
  type FactsInput,
  factsAnswer,
  type JobsSettings,
  type QueueAnswer,
  queueAnswer,
  type StartAnswer,
  type StartSettings,
  type StatsAnswer,
  type StatusAnswer,
  type StopAnswer,
  type SubmitAnswer,
  type SubmitSettings,
  startAnswer,
  statsAnswer,
  statusAnswer,
  stopAnswer,
  submitAnswer,
  type VerbInput,
  type VersionAnswer,
  versionAnswer,
} from '../protocol/agent.ts'
import { type AgentVerb, agentLineLimit } from '../protocol/agent-line.ts'
import { isErrorCode, SeneschalError } from '../protocol/errors.ts'
import {
  type FeedAnswer,
  type FeedInput,
  feedAnswer,
  type OrderAnswer,
  orderAnswer,
} from '../protocol/feed-stream.ts'
import type { OrderFile } from '../protocol/requests.ts'
import { presentOutput } from './channel.ts'
import { createHeadReader, readLine } from './head-reader.ts'
import type { Channel, Transport } from './transport.ts'

export type CallOptions = {
  readonly signal?: AbortSignal | undefined
  readonly progress?: ((text: string) => void) | undefined
  /** From the call to the answer, ms; the channel is then ended. */
  readonly timeout?: number
  /** Called once the host has let us in, before the agent has spoken. */
  readonly reached?: (() => void) | undefined
  /** What a login script printed, when it printed anything. */
  readonly noise?: ((text: string) => void) | undefined
}

const defaultTimeout = 15_000
/** What an agent may tell before it answers, lines and bytes: who goes on for ever is no agent of ours. */
const mostProgress = 200
const longestProgress = 64 * 1024

const parseJson = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch (cause) {
    throw new SeneschalError('agent.failed', `It did not answer in JSON: ${presentOutput(line)}`, { cause })
  }
}

/** The answer's value, as yet unknown; throws the error that the agent sent. */
const readAnswer = async (channel: Channel, signal: AbortSignal, options: CallOptions): Promise<unknown> => {
  const reader = createHeadReader(channel.stream)
  for (let told = 0, bytes = 0; ; told += 1) {
    const line = await readLine(reader, agentLineLimit, signal)
    if (line === undefined)
      throw new SeneschalError(
        'agent.failed',
        `It ended without an answer. ${presentOutput(channel.stderr())}`,
      )
    const message = agentMessage.safeParse(parseJson(line))
    if (!message.success)
      throw new SeneschalError('agent.failed', `It answered something unknown: ${presentOutput(line)}`)
    if ('progress' in message.data) {
      bytes += line.length
      if (told === mostProgress || bytes > longestProgress)
        throw new SeneschalError('agent.failed', 'It tells of its progress without end.')
      options.progress?.(presentOutput(message.data.progress))
      continue
    }
    reader.leave()
    if ('answer' in message.data) return message.data.answer
    const { code, detail } = message.data.error
    const words = detail === undefined ? undefined : presentOutput(detail)
    throw isErrorCode(code)
      ? new SeneschalError(code, words)
      : new SeneschalError('agent.failed', `${presentOutput(code)} ${words ?? ''}`)
  }
}

const begin = async <Answer>(
  transport: Transport,
  verb: AgentVerb,
  /** Asked when it is written. */
  input: () => unknown,
  schema: z.ZodMiniType<Answer>,
  options: CallOptions,
): Promise<{ readonly channel: Channel; readonly answer: Answer }> => {
  const late = AbortSignal.timeout(options.timeout ?? defaultTimeout)
  const signal = options.signal === undefined ? late : AbortSignal.any([late, options.signal])
  let channel: Channel | undefined
  try {
    channel = await transport.exec(verb, { signal, reached: options.reached })
    if (channel.noise !== '') options.noise?.(presentOutput(channel.noise))
    channel.stream.write(`${JSON.stringify(input())}\n`)
    const answer = schema.safeParse(await readAnswer(channel, signal, options))
    if (!answer.success)
      throw new SeneschalError('agent.failed', `Its answer to ${verb} is not what it should be.`, {
        cause: answer.error,
      })
    return { channel, answer: answer.data }
  } catch (error) {
    channel?.kill()
    throw error === late.reason
      ? new SeneschalError('server.timeout', `The agent took too long to ${verb}.`)
      : error
  }
}

const call =
  <Input, Answer>(verb: AgentVerb, schema: z.ZodMiniType<Answer>) =>
  async (transport: Transport, input: Input, options: CallOptions = {}): Promise<Answer> => {
    const { channel, answer } = await begin(transport, verb, () => input, schema, options)
    channel.kill()
    return answer
  }

const open =
  <Input, Answer>(verb: AgentVerb, schema: z.ZodMiniType<Answer>) =>
  async (
    transport: Transport,
    input: Input,
    options: CallOptions = {},
  ): Promise<{ readonly stream: Duplex; readonly server: Answer }> => {
    const { channel, answer } = await begin(transport, verb, () => input, schema, options)
    // The channel's end is the stream's end; killing the rest of it there leaves no agent behind.
    channel.stream.once('close', channel.kill)
    return { stream: channel.stream, server: answer }
  }

/** Allow more than the time within which the server itself must come up: give `timeout`. */
export const callStart = async (
  transport: Transport,
  settings: Omit<StartSettings, 'at'>,
  options: CallOptions = {},
): Promise<StartAnswer> => {
  // Connecting may have taken a while: the time is that of the word itself.
  const input = () => ({ ...settings, at: Date.now() })
  const { channel, answer } = await begin(transport, 'start', input, startAnswer, options)
  channel.kill()
  return answer
}
export const callStatus = call<VerbInput, StatusAnswer>('status', statusAnswer)
export const callStop = call<VerbInput, StopAnswer>('stop', stopAnswer)
export const callStats = call<VerbInput, StatsAnswer>('stats', statsAnswer)
export const callVersion = call<VerbInput, VersionAnswer>('version', versionAnswer)

export const callFacts = call<FactsInput, FactsAnswer>('facts', factsAnswer)

/** The UI server as a job; answers once Slurm has it, whenever it may start. */
export const callSubmit = async (
  transport: Transport,
  settings: Omit<SubmitSettings, 'at'>,
  options: CallOptions = {},
): Promise<SubmitAnswer> => {
  const input = () => ({ ...settings, at: Date.now() })
  const { channel, answer } = await begin(transport, 'submit', input, submitAnswer, options)
  channel.kill()
  return answer
}
export const callQueue = call<BatchInput, QueueAnswer>('queue', queueAnswer)
export const callCancel = call<BatchInput, CancelAnswer>('cancel', cancelAnswer)

/** Puts a hub's order into a daemon's inbox. */
export const callOrder = call<OrderFile, OrderAnswer>('order', orderAnswer)

/** A byte stream to the UI server's socket. */
export const openServer = open<VerbInput, StartAnswer>('connect', startAnswer)
/** A byte stream to the job supervisor's socket; starts a supervisor where none runs. */
export const openJobs = open<JobsSettings, StartAnswer>('jobs', startAnswer)
/** The lines of a site feed (protocol/feed-stream.ts). */
export const openFeed = open<FeedInput, FeedAnswer>('feed', feedAnswer)
