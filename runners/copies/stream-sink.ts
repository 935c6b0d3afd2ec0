/** The sink as a source sees it at the other end of a stream, and the end that hands a stream's frames to a sink. */
import { createHash } from 'node:crypto'
import type { Readable, Writable } from 'node:stream'
import { createLineSplitter } from '../../durable/line-splitter.ts'
import { type CopyFile, type CopyLine, copyLine, copyLineLimit } from '../../protocol/copies.ts'
import { isErrorCode, SeneschalError } from '../../protocol/errors.ts'
import { encodeDataHead, encodeFrame, readFrames } from './frames.ts'
import type { FileSink, Found, Sink } from './sink.ts'
import { smallFile } from './sink.ts'

export const failureOf = (code: string, detail: string): SeneschalError =>
  new SeneschalError(isErrorCode(code) ? code : 'copy.failed', detail)

const cut = (): SeneschalError => new SeneschalError('lost.connection', 'The other side of the copy is gone.')

/** `input` carries the sink's lines, `output` its frames. */
export const createStreamSink = (input: Readable, output: Writable): Sink => {
  const done = new Map<string, string>()
  const begun = new Map<string, { bytes: number; digest: string }>()
  const ready = Promise.withResolvers<Found>()
  const copied = Promise.withResolvers<void>()
  // Whoever waits for one of them learns of it; the other may have nobody.
  for (const { promise } of [ready, copied]) promise.catch(() => undefined)
  let broken: unknown
  /** Those who wait for the stream to take more: a sink that failed reads no more of it, so it may never do so. */
  const waiting = new Set<(why: unknown) => void>()
  const fail = (why: unknown): void => {
    broken ??= why
    ready.reject(broken)
    copied.reject(broken)
    for (const reject of waiting) reject(broken)
  }
  const unlessBroken = (wait: (go: () => void, stop: (why: unknown) => void) => void): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    waiting.add(reject)
    wait(resolve, reject)
    return promise.finally(() => waiting.delete(reject))
  }
  const hear = (line: CopyLine): void => {
    if (line.kind === 'found') {
      for (const [path, stamp] of line.done) done.set(path, stamp)
      for (const [path, bytes, digest] of line.begun) begun.set(path, { bytes, digest })
    } else if (line.kind === 'ready') ready.resolve({ done, begun })
    else if (line.kind === 'copied') copied.resolve()
    else if (line.kind === 'failed') fail(failureOf(line.code, line.detail))
  }
  const take = createLineSplitter(copyLineLimit, (text) => hear(copyLine.parse(JSON.parse(text))))
  input.on('data', (chunk: Buffer) => {
    try {
      take(chunk)
    } catch (cause) {
      fail(new SeneschalError('copy.failed', 'The sink said something unknown.', { cause }))
    }
  })
  for (const over of ['end', 'close', 'error'] as const) input.on(over, () => fail(cut()))
  output.on('error', () => fail(cut()))

  const send = (bytes: Buffer): void => {
    if (broken !== undefined) throw broken
    output.write(bytes)
  }
  const sent = (bytes: Buffer): Promise<void> =>
    unlessBroken((go, stop) => {
      if (broken !== undefined) stop(broken)
      else output.write(bytes, (error) => (error ? stop(broken ?? cut()) : go()))
    })
  const begin = (file: CopyFile, offset: number): void => send(encodeFrame({ kind: 'file', file, offset }))

  return {
    sums: 'sha256',
    found: () => ready.promise,
    totals: (files, bytes) => send(encodeFrame({ kind: 'totals', files, bytes })),
    enter: (directory) => send(encodeFrame({ kind: 'enter', directory })),
    leave: () => send(encodeFrame({ kind: 'leave' })),
    link: (name, target) => send(encodeFrame({ kind: 'link', name, target })),
    small: (file, content, digest) => {
      begin(file, 0)
      if (content.length > 0) {
        send(encodeDataHead(content))
        send(content)
      }
      send(encodeFrame({ kind: 'sum', digest }))
    },
    large: async (file, offset): Promise<FileSink> => {
      begin(file, offset)
      return {
        write: async (data) => {
          send(encodeDataHead(data))
          await sent(data)
        },
        hole: async (length) => send(encodeFrame({ kind: 'hole', length })),
        end: async (digest) => sent(encodeFrame({ kind: 'sum', digest })),
      }
    },
    had: (name, size) => send(encodeFrame({ kind: 'had', name, size })),
    skipped: () => send(encodeFrame({ kind: 'skipped' })),
    settled: () =>
      output.writableNeedDrain
        ? unlessBroken((go, stop) => {
            if (broken !== undefined) stop(broken)
            else output.once('drain', go)
          })
        : Promise.resolve(),
    end: async () => {
      send(encodeFrame({ kind: 'end' }))
      await copied.promise
    },
  }
}

/** Entries of one `found` line. */
const perLine = 1000

export const sayFound = ({ done, begun }: Found, say: (line: CopyLine) => void): void => {
  const all = [...done]
  for (let at = 0; at < all.length; at += perLine)
    say({ kind: 'found', done: all.slice(at, at + perLine), begun: [] })
  say({
    kind: 'found',
    done: [],
    begun: [...begun].map(([name, { bytes, digest }]) => [name, bytes, digest]),
  })
  say({ kind: 'ready' })
}

const whole = (content: Buffer, digest: string): Buffer => {
  if (createHash('sha256').update(content).digest('hex') === digest) return content
  throw new SeneschalError('copy.changed', 'A file did not arrive as it was sent.')
}

/** Does what the frames say until `end`. Throws what the source failed of, and `lost.connection` where they stop. */
export const takeFrames = async (input: AsyncIterable<Buffer>, sink: Sink): Promise<void> => {
  let file: CopyFile | undefined
  let pieces: Buffer[] = []
  let large: FileSink | undefined
  const lost = (): never => {
    throw new SeneschalError('copy.failed', 'The source said something out of turn.')
  }
  const data = async (piece: Buffer): Promise<void> => {
    if (file === undefined) return lost()
    if (large !== undefined) return large.write(piece)
    pieces.push(piece)
    if (pieces.length > 1) lost()
  }
  for await (const frame of readFrames(input)) {
    if (Buffer.isBuffer(frame)) {
      await data(frame)
      continue
    }
    if (file !== undefined && !['hole', 'sum', 'failed'].includes(frame.kind)) lost()
    switch (frame.kind) {
      case 'totals':
        sink.totals(frame.files, frame.bytes)
        break
      case 'enter':
        sink.enter(frame.directory)
        break
      case 'leave':
        sink.leave()
        break
      case 'link':
        sink.link(frame.name, frame.target)
        break
      case 'file':
        file = frame.file
        if (file.size > smallFile) large = await sink.large(file, frame.offset)
        break
      case 'hole':
        if (large === undefined) lost()
        await large?.hole(frame.length)
        break
      case 'sum':
        if (file === undefined) return lost()
        if (large !== undefined) await large.end(frame.digest)
        else sink.small(file, whole(pieces[0] ?? Buffer.alloc(0), frame.digest), frame.digest)
        file = undefined
        large = undefined
        pieces = []
        break
      case 'had':
        sink.had(frame.name, frame.size)
        break
      case 'skipped':
        sink.skipped()
        break
      case 'failed':
        throw failureOf(frame.code, frame.detail)
      case 'end':
        return sink.end()
    }
  }
  throw cut()
}
