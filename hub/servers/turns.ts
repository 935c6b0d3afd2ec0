/**
 * How many servers start at once: on a small hub a hundred starts at a time serve nobody. Whoever comes when all places
 * are taken waits in sight, first come, first served; nobody is refused. A person with many starts under way waits for
 * their own, and keeps nobody else waiting.
 */

export type TurnLimits = {
  /** Starts under way of all. */
  readonly atOnce: number
  /** Starts under way of one person. */
  readonly perPerson: number
}

export type Turns = {
  /**
   * Resolves with how to give the place back, when there is one. `onPlace` is told how many come before, at once and
   * whenever that changes; never, where there is a place at once. Without a person only the limit for all counts.
   * Rejects with the signal's reason.
   */
  readonly take: (
    person: string | undefined,
    onPlace: (before: number) => void,
    signal: AbortSignal,
  ) => Promise<() => void>
  readonly counts: () => { readonly starting: number; readonly waiting: number }
}

type Waiting = {
  readonly person: string | undefined
  readonly onPlace: (before: number) => void
  readonly go: () => void
  told: number
}

export const createTurns = ({ atOnce, perPerson }: TurnLimits): Turns => {
  const queue: Waiting[] = []
  const ofPerson = new Map<string, number>()
  let taken = 0

  const mayGo = (person: string | undefined): boolean =>
    taken < atOnce && (person === undefined || (ofPerson.get(person) ?? 0) < perPerson)
  const count = (person: string | undefined, by: 1 | -1): void => {
    taken += by
    if (person === undefined) return
    const left = (ofPerson.get(person) ?? 0) + by
    if (left === 0) ofPerson.delete(person)
    else ofPerson.set(person, left)
  }

  const next = (): void => {
    for (let index = 0; index < queue.length && taken < atOnce; ) {
      const first = queue[index]
      if (first === undefined || !mayGo(first.person)) {
        index += 1
        continue
      }
      queue.splice(index, 1)
      count(first.person, 1)
      first.go()
    }
    for (const [before, waiting] of queue.entries()) {
      if (waiting.told === before) continue
      waiting.told = before
      waiting.onPlace(before)
    }
  }

  const placeOf = (person: string | undefined) => {
    let isBack = false
    return () => {
      if (isBack) return
      isBack = true
      count(person, -1)
      next()
    }
  }

  return {
    take: (person, onPlace, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        const leave = () => {
          const index = queue.indexOf(mine)
          if (index < 0) return
          queue.splice(index, 1)
          reject(signal.reason)
          next()
        }
        const mine: Waiting = {
          person,
          onPlace,
          told: -1,
          go: () => {
            signal.removeEventListener('abort', leave)
            resolve(placeOf(person))
          },
        }
        signal.addEventListener('abort', leave, { once: true })
        queue.push(mine)
        next()
      }),
    counts: () => ({ starting: taken, waiting: queue.length }),
  }
}
