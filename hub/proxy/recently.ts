/** Says of each thing once that it is new, until so much time has passed. */
import type { Clock } from '../context.ts'

export type Recently = { readonly isNew: (key: string) => boolean }

export const createRecently = (now: Clock, forMs: number): Recently => {
  /** In the order of their time, so that the oldest are found first. */
  const seen = new Map<string, number>()
  return {
    isNew: (key) => {
      const at = now()
      for (const [old, since] of seen) {
        if (at - since < forMs) break
        seen.delete(old)
      }
      if (seen.has(key)) return false
      seen.set(key, at)
      return true
    },
  }
}
