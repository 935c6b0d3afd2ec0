/** One line of text before a stream becomes something else; what came after it is put back. */
import type { Readable } from 'node:stream'
import { SeneschalError } from '../../protocol/errors.ts'

const change = (input: Readable): Promise<void> =>
  new Promise((resolve) => {
    const over = ['readable', 'end', 'close', 'error'] as const
    const go = (): void => {
      for (const event of over) input.off(event, go)
      resolve()
    }
    for (const event of over) input.on(event, go)
  })

/** Throws `lost.connection` where the stream ends first, `input.invalid` where the line is too long. */
export const readLine = async (input: Readable, limit: number): Promise<string> => {
  let text = Buffer.alloc(0)
  for (;;) {
    const chunk: unknown = input.read()
    if (Buffer.isBuffer(chunk)) text = Buffer.concat([text, chunk])
    const end = text.indexOf(10)
    if (end !== -1) {
      if (end + 1 < text.length) input.unshift(text.subarray(end + 1))
      return text.subarray(0, end).toString()
    }
    if (text.length > limit) throw new SeneschalError('input.invalid', 'The first line is too long.')
    if (input.readableEnded || input.destroyed)
      throw new SeneschalError('lost.connection', 'The stream ended before its first line.')
    if (chunk === null) await change(input)
  }
}
