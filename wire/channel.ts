/** From a raw byte stream of some exec to a channel: waits for the agent's preamble, or says what came instead. */
import type { Duplex, Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { agentProtocol, noiseLimit, parsePreamble, preambleEnd } from '../protocol/agent-line.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { createHeadReader } from './head-reader.ts'
import type { Channel, Exit } from './transport.ts'

export type RawChannel = {
  readonly stream: Duplex
  readonly stderr: Readable
  readonly exit: Promise<Exit>
  readonly kill: () => void
  /** Why the carrier is gone, where it is: then it was not the agent that ended. */
  readonly lost: () => SeneschalError | undefined
}

const stderrLimit = 4096

/** Output of a foreign program as one line for people: no control characters, at most 500 of its last ones. */
export const presentOutput = (text: string): string => {
  // \p{C}: control, format (bidi), unassigned; \p{Zl} and \p{Zp}: line and paragraph separators.
  const line = text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ').trim()
  return line.length > 500 ? `…${line.slice(-500)}` : line
}

/** Reads it to the end; gives back how to ask for the last 4 KiB so far. */
export const keepTail = (stream: Readable): (() => string) => {
  let tail = Buffer.alloc(0)
  stream.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]).subarray(-stderrLimit)
  })
  return () => tail.toString('utf8')
}

const explain = (exit: Exit | undefined, output: string): string => {
  const how =
    exit === undefined || (exit.code === null && exit.signal === null)
      ? 'It ended without a word about why'
      : exit.signal !== null
        ? `It was ended by ${exit.signal}`
        : `It ended with code ${exit.code}`
  return output === '' ? `${how}.` : `${how} and printed: ${output}`
}

/** Resolves when the preamble was read; on any failure the raw channel has been ended. */
export const openChannel = async (
  raw: RawChannel,
  nonce: string,
  options: { readonly timeout: number; readonly signal?: AbortSignal | undefined },
): Promise<Channel> => {
  const stderr = keepTail(raw.stderr)
  const marker = Buffer.from(preambleEnd(nonce))
  const late = AbortSignal.timeout(options.timeout)
  const signal = options.signal === undefined ? late : AbortSignal.any([late, options.signal])
  const reader = createHeadReader(raw.stream)
  let before = Buffer.alloc(0)
  try {
    for (;;) {
      const head = await reader.until(marker, noiseLimit - before.length, signal)
      before = Buffer.concat([before, head.bytes])
      if (head.found) {
        const preamble = parsePreamble(before.toString('latin1'), nonce)
        if (preamble === undefined) continue
        if (preamble.protocol !== agentProtocol)
          throw new SeneschalError('agent.version', `It speaks ${preamble.protocol}, not ${agentProtocol}.`)
        const noise = before.subarray(0, preamble.noise.length).toString('utf8')
        reader.leave()
        return { stream: raw.stream, noise, stderr, exit: raw.exit, kill: raw.kill }
      }
      if (head.over)
        throw new SeneschalError('agent.missing', 'More than 64 KiB were printed before it spoke.')
      const exit = await Promise.race([raw.exit, sleep(1000, undefined, { ref: false })])
      throw (
        raw.lost() ??
        new SeneschalError('agent.missing', explain(exit, presentOutput(`${before.toString()} ${stderr()}`)))
      )
    }
  } catch (error) {
    reader.leave()
    const unfinished: Buffer = raw.stream.read() ?? Buffer.alloc(0)
    raw.kill()
    if (error !== late.reason) throw error
    const said = presentOutput(`${before.toString()}${unfinished.toString()} ${stderr()}`)
    throw new SeneschalError(
      'agent.missing',
      `It did not speak within ${options.timeout / 1000} s${said === '' ? '.' : ` and printed: ${said}`}`,
    )
  }
}
