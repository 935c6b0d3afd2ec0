/**
 * A copier: one process for one copy or one side of it. The order is the first line of its input; it ends with its
 * input, so none outlives the daemon that wants it.
 */
import type { Readable, Writable } from 'node:stream'
import { type CopyLine, type CopyOrder, copyOrder } from '../../protocol/copies.ts'
import { asSeneschalError, SeneschalError } from '../../protocol/errors.ts'
import { type DiskSink, openDiskSink, type SyncFilesystem } from './disk-sink.ts'
import { readLine } from './first-line.ts'
import { encodeFrame } from './frames.ts'
import { giveTree } from './source.ts'
import { createStreamSink, sayFound, takeFrames } from './stream-sink.ts'

export type CopierParts = {
  readonly input: Readable
  readonly output: Writable
  /** What `~` stands for. */
  readonly home: string | undefined
  /** Between two lines about how far it is, ms. */
  readonly interval?: number
  readonly sync?: SyncFilesystem
  /** Its input ended before it was through. */
  readonly onAbandoned: () => void
}

const longestOrder = 64 * 1024

const readOrder = async (input: Readable): Promise<CopyOrder> => {
  const parsed = copyOrder.safeParse(JSON.parse(await readLine(input, longestOrder)))
  if (parsed.success) return parsed.data
  throw new SeneschalError('input.invalid', 'The order does not fit.', { cause: parsed.error })
}

const failed = (thrown: unknown): Extract<CopyLine, { kind: 'failed' }> => {
  const error = asSeneschalError(thrown)
  return { kind: 'failed', code: error.code, detail: (error.detail ?? error.message).slice(0, 2000) }
}

const withSink = async (
  order: Exclude<CopyOrder, { role: 'source' }>,
  { input, output, home, interval = 500, sync }: CopierParts,
  fill: (sink: DiskSink, say: (line: CopyLine) => void) => Promise<void>,
): Promise<void> => {
  const say = (line: CopyLine): void => {
    if (output.writable) output.write(`${JSON.stringify(line)}\n`)
  }
  let sink: DiskSink | undefined
  let timer: NodeJS.Timeout | undefined
  try {
    const { role: _role, to, ...rules } = order
    const opened = await openDiskSink(to, rules, {
      home,
      isSameProcess: order.role === 'whole',
      ...(sync === undefined ? {} : { sync }),
    })
    sink = opened
    timer = setInterval(() => say({ kind: 'counts', counts: opened.counts() }), interval)
    await fill(opened, say)
    sink = undefined
    say({ kind: 'copied', counts: opened.counts(), skipped: opened.skips() })
  } catch (thrown) {
    sink?.close()
    say(failed(thrown))
  } finally {
    clearInterval(timer)
    input.resume()
  }
}

const runSource = async (
  order: Extract<CopyOrder, { role: 'source' }>,
  { input, output, home }: CopierParts,
): Promise<void> => {
  const sink = createStreamSink(input, output)
  try {
    await giveTree(order.from, { rules: order, sink, home })
  } catch (thrown) {
    // The sink has the last word: it says this to the daemon as its own end.
    if (output.writable) output.write(encodeFrame(failed(thrown)))
  }
}

/** Resolves when the copy is done or has failed, which its last line says. */
export const runCopier = async (parts: CopierParts): Promise<void> => {
  const order = await readOrder(parts.input)
  if (order.role === 'source') return runSource(order, parts)
  if (order.role === 'sink')
    return withSink(order, parts, async (sink, say) => {
      sayFound(await sink.found(), say)
      await takeFrames(parts.input, sink)
    })
  parts.input.resume()
  parts.input.once('end', parts.onAbandoned)
  return withSink(order, parts, async (sink) => {
    await giveTree(order.from, { rules: order, sink, home: parts.home })
    parts.input.off('end', parts.onAbandoned)
  })
}
