/** `KEY=VALUE` words of a command line. */
import { SeneschalError } from '../protocol/errors.ts'

/** A value that is JSON counts as what it says, all else is text. */
export const keyValues = (words: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=')
      if (at < 1) throw new SeneschalError('usage', `${JSON.stringify(word)} is not KEY=VALUE.`)
      const value = word.slice(at + 1)
      try {
        return [word.slice(0, at), JSON.parse(value) as unknown]
      } catch {
        return [word.slice(0, at), value]
      }
    }),
  )
