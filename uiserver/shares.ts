/** So many at once, and so many of them for one person: nobody's open tabs keep everybody else out. */
import { SeneschalError } from '../protocol/errors.ts'

export type Shares = {
  /** Returns how to give it back; throws `rate.limited`. */
  readonly take: (person: string) => () => void
}

export const createShares = (limits: { readonly all: number; readonly each: number }): Shares => {
  const taken = new Map<string, number>()
  let all = 0
  return {
    take: (person) => {
      const mine = taken.get(person) ?? 0
      if (all >= limits.all || mine >= limits.each) throw new SeneschalError('rate.limited')
      all += 1
      taken.set(person, mine + 1)
      return () => {
        all -= 1
        const left = (taken.get(person) ?? 1) - 1
        if (left === 0) taken.delete(person)
        else taken.set(person, left)
      }
    },
  }
}
