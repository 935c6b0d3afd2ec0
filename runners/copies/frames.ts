/**
 * A source's side of the stream to a sink: a length, a kind, then JSON or data. The last frame is `end` or `failed`;
 * a stream that ends without one was cut.
 */
import { type CopyFrame, copyFrame } from '../../protocol/copies.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { pieceSize } from './sink.ts'

const headLength = 5
const jsonKind = 0
const dataKind = 1
const longestJson = 64 * 1024
/** A piece, or a small file. */
const longestData = pieceSize

const headOf = (kind: number, length: number): Buffer => {
  const head = Buffer.allocUnsafe(headLength)
  head.writeUInt8(kind, 0)
  head.writeUInt32BE(length, 1)
  return head
}

export const encodeFrame = (frame: CopyFrame): Buffer => {
  const body = Buffer.from(JSON.stringify(frame))
  return Buffer.concat([headOf(jsonKind, body.length), body])
}

export const encodeDataHead = (data: Buffer): Buffer => headOf(dataKind, data.length)

const broken = (why: string): SeneschalError => new SeneschalError('copy.failed', `The source said ${why}.`)

const parseFrame = (body: Buffer): CopyFrame => {
  let value: unknown
  try {
    value = JSON.parse(body.toString())
  } catch (cause) {
    throw new SeneschalError('copy.failed', 'The source said what is no JSON.', { cause })
  }
  const parsed = copyFrame.safeParse(value)
  if (parsed.success) return parsed.data
  throw broken('something unknown')
}

/** Frames as they come; a piece of data is the reader's until it asks for the next. */
export async function* readFrames(input: AsyncIterable<Buffer>): AsyncGenerator<CopyFrame | Buffer> {
  let waiting: Buffer[] = []
  let length = 0
  const take = (size: number): Buffer => {
    const whole = waiting.length === 1 ? (waiting[0] ?? Buffer.alloc(0)) : Buffer.concat(waiting)
    waiting = [whole.subarray(size)]
    length -= size
    return whole.subarray(0, size)
  }
  let head: { readonly kind: number; readonly size: number } | undefined
  for await (const chunk of input) {
    waiting.push(chunk)
    length += chunk.length
    for (;;) {
      if (head === undefined) {
        if (length < headLength) break
        const bytes = take(headLength)
        head = { kind: bytes.readUInt8(0), size: bytes.readUInt32BE(1) }
        if (head.kind !== jsonKind && head.kind !== dataKind) throw broken('a frame of no kind')
        if (head.size > (head.kind === jsonKind ? longestJson : longestData)) throw broken('too much at once')
      }
      if (length < head.size) break
      const body = take(head.size)
      const isData = head.kind === dataKind
      head = undefined
      yield isData ? body : parseFrame(body)
    }
  }
}
