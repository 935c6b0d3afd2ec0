/** Lines of a byte stream, none longer than a limit. */
import { StringDecoder } from 'node:string_decoder'
import { SeneschalError } from '../protocol/errors.ts'

/** Feed it chunks; it calls `onLine` for each whole line, without its end. Throws `input.too-large`. */
export const createLineSplitter = (
  limit: number,
  onLine: (line: string) => void,
): ((chunk: Buffer) => void) => {
  const decoder = new StringDecoder('utf8')
  let rest: string[] = []
  let length = 0
  return (chunk) => {
    const parts = decoder.write(chunk).split('\n')
    for (const [index, part] of parts.entries()) {
      length += part.length
      if (length > limit) throw new SeneschalError('input.too-large', `A line is longer than ${limit}.`)
      rest.push(part)
      if (index === parts.length - 1) break
      const line = rest.join('')
      rest = []
      length = 0
      onLine(line)
    }
  }
}
