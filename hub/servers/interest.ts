/** Whether somebody looks at a server, and how long to wait before it is revived for them. */
import type { Clock } from '../context.ts'

/** Whoever looked within this time of its death is still looking: a browser takes a moment to come back, ms. */
const grace = 15_000
/** One that ended sooner after its start than this did not really come up, ms. */
const soundAfter = 10_000
const firstWait = 1000
const longestWait = 60_000
/** Tries that end on the road count no more than this: a wait of two seconds. */
const roadFailures = 2

export type Interest = {
  readonly watch: () => () => void
  readonly touch: () => void
  /** Somebody has a socket open. */
  readonly looking: () => boolean
  /** Somebody looks, or did a moment ago. */
  readonly watched: () => boolean
  /** A host that cannot be reached is asked again soon: nothing was started there, so nothing is spared by waiting. */
  readonly failed: (onTheRoad: boolean) => void
  /** A server that came up ended after so long, ms. */
  readonly lived: (ms: number) => void
  /** Nothing after a sound life, longer after each failure, ms. */
  readonly wait: () => number
}

export const createInterest = (now: Clock): Interest => {
  let watchers = 0
  let seenAt = Number.NEGATIVE_INFINITY
  let failures = 0
  return {
    watch: () => {
      watchers += 1
      let left = false
      return () => {
        if (left) return
        left = true
        watchers -= 1
        seenAt = now()
      }
    },
    touch: () => {
      seenAt = now()
    },
    looking: () => watchers > 0,
    watched: () => watchers > 0 || now() - seenAt < grace,
    failed: (onTheRoad) => {
      failures = onTheRoad ? Math.max(failures, Math.min(failures + 1, roadFailures)) : failures + 1
    },
    lived: (ms) => {
      failures = ms < soundAfter ? failures + 1 : 0
    },
    wait: () => (failures === 0 ? 0 : Math.min(firstWait * 2 ** (failures - 1), longestWait)),
  }
}
