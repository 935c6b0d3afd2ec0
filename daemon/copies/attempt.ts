/** One attempt at a copy: its copiers started and joined, until the one that writes says how it ended. */
import { spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { createLineSplitter } from '../../durable/line-splitter.ts'
import {
  type CopyCounts,
  type CopyLine,
  type CopyOrder,
  copyLine,
  copyLineLimit,
} from '../../protocol/copies.ts'
import { asSeneschalError, isErrorCode, SeneschalError } from '../../protocol/errors.ts'
import { jobsAnswer, jobsGreeting, jobsLineLimit } from '../../protocol/jobs.ts'
import { readLine } from '../../runners/copies/first-line.ts'
import { pairStreams } from '../../wire/pair.ts'
import type { Orders } from './orders.ts'

export type Copied = { readonly counts: CopyCounts; readonly skipped: number }

export type AttemptParts = {
  /** Of the service account. */
  readonly site: (order: CopyOrder) => Duplex
  /** Of the account, on its host. */
  readonly user: (order: CopyOrder) => Promise<Duplex>
  readonly onCounts: (counts: CopyCounts) => void
  readonly signal: AbortSignal
}

/** A copier of the service account: a child, which ends with its input. */
export const createSiteCopiers =
  ([program, ...args]: readonly [string, ...string[]], env: Readonly<Record<string, string>>) =>
  (order: CopyOrder): Duplex => {
    const child = spawn(program, args, { env, cwd: '/', stdio: ['pipe', 'pipe', 'inherit'] })
    const duplex = pairStreams(child.stdout, child.stdin)
    child.once('error', (error) => duplex.destroy(error))
    duplex.once('close', () => child.kill('SIGKILL'))
    duplex.write(`${JSON.stringify(order)}\n`)
    return duplex
  }

/** Asks the supervisor at the other end of a fresh line to hand it to a copier. */
export const becomeCopier = async (stream: Duplex, epoch: number, order: CopyOrder): Promise<Duplex> => {
  try {
    jobsGreeting.parse(JSON.parse(await readLine(stream, jobsLineLimit)))
    stream.write(`${JSON.stringify({ id: 1, epoch, op: 'copy', order })}\n`)
    const answer = jobsAnswer.parse(JSON.parse(await readLine(stream, jobsLineLimit)))
    if (answer.ok) return stream
    throw new SeneschalError(isErrorCode(answer.code) ? answer.code : 'copy.failed', answer.detail)
  } catch (thrown) {
    stream.destroy()
    throw thrown
  }
}

/** Throws what the copy failed of; `lost.connection` where a copier or the way to it was lost. */
export const attemptCopy = async (orders: Orders, parts: AttemptParts): Promise<Copied> => {
  const { signal } = parts
  const streams: Duplex[] = []
  const over = Promise.withResolvers<Copied>()
  const fail = (why: unknown): void => over.reject(why)
  over.promise.catch(() => undefined)

  const hear = (line: CopyLine): void => {
    if (line.kind === 'counts') parts.onCounts(line.counts)
    else if (line.kind === 'copied') over.resolve(line)
    else if (line.kind === 'failed')
      fail(new SeneschalError(isErrorCode(line.code) ? line.code : 'copy.failed', line.detail))
  }
  const listen = (writer: Duplex): void => {
    const take = createLineSplitter(copyLineLimit, (text) => hear(copyLine.parse(JSON.parse(text))))
    writer.on('data', (chunk: Buffer) => {
      try {
        take(chunk)
      } catch (cause) {
        fail(new SeneschalError('copy.failed', 'The copier said something unknown.', { cause }))
      }
    })
  }
  const abort = (): void => fail(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    signal.throwIfAborted()
    for (const { side, order } of orders) {
      const stream = side === 'site' ? parts.site(order) : await parts.user(order)
      streams.push(stream)
    }
    const [first, second] = streams
    const writer = second ?? first
    if (first === undefined || writer === undefined) throw new SeneschalError('internal')
    if (second !== undefined) {
      first.pipe(second)
      second.pipe(first)
      // The one that writes has the last word: it was told why, or tells that the source is gone.
      for (const gone of ['error', 'close'] as const)
        first.on(gone, () => {
          // A stream whose only pipe went away is paused, and would end with its last word unheard.
          second.resume()
          second.end()
        })
    }
    writer.on('error', (error) => fail(new SeneschalError('lost.connection', error.message)))
    writer.on('close', () => fail(new SeneschalError('lost.connection', 'A copier is gone.')))
    listen(writer)
    return await over.promise
  } catch (thrown) {
    throw asSeneschalError(thrown)
  } finally {
    signal.removeEventListener('abort', abort)
    for (const stream of streams) stream.destroy()
  }
}
