/**
 * The time by which sessions and privileges end. It never runs backwards, not even over a restart: setting the
 * host's clock back prolongs nothing. Between two steps of the wall clock the monotonic one carries it on.
 */
import type { Clock } from './context.ts'

export type ClockParts = {
  /** The host's clock, epoch ms. */
  readonly wall: () => number
  /** Never set, only runs on, ms. */
  readonly monotonic: () => number
  /** The highest time that was stored; 0 at the first start. */
  readonly mark: number
  /** Called when the wall clock was found more than `tolerance` behind; once for each such step. */
  readonly onStepBack: (by: number) => void
}

export type HubClock = {
  readonly now: Clock
  /** Looks for a step backwards: call it each second, so that one is noticed though nobody asks the time. */
  readonly check: () => void
}

/** NTP may take back this much without anybody noticing, ms. */
const tolerance = 2000

export const createClock = (parts: ClockParts): HubClock => {
  let last = parts.mark
  let anchor = parts.monotonic()
  let behind = false
  const read = (): number => {
    const wall = parts.wall()
    const monotonic = parts.monotonic()
    const carried = last + Math.max(0, monotonic - anchor)
    last = Math.max(wall, carried)
    anchor = monotonic
    const lag = last - wall
    if (lag <= tolerance) behind = false
    else if (!behind) {
      behind = true
      parts.onStepBack(lag)
    }
    return last
  }
  return {
    now: () => Math.floor(read()),
    check: () => {
      read()
    },
  }
}
