/**
 * Whether a server that somebody looks at answers: a stream through its tunnel, which nobody but its own process can
 * accept. Costs next to nothing, so that a server that hangs, or a host that is gone, is told of within seconds.
 */
import type { Duplex } from 'node:stream'

export type PulseParts = {
  readonly dial: (signal: AbortSignal) => Promise<Duplex>
  /** Nobody is told of what nobody looks at. */
  readonly wanted: () => boolean
  /** No answer for a moment: time to find out whether the host is there at all. */
  readonly onSlow: () => void
  readonly onSilence: () => void
  readonly onAnswer: () => void
  /** Between two beats, ms. */
  readonly everyMs: number
}

export type Pulse = {
  /** From now on, until `stop`. */
  readonly start: () => void
  readonly stop: () => void
  /** Whether the last beat went unanswered. */
  readonly silent: () => boolean
}

/** Longer than a busy host makes a healthy server wait, ms. */
const patience = 3000
const slowAfter = 1000

export const createPulse = (parts: PulseParts): Pulse => {
  let timer: NodeJS.Timeout | undefined
  let silent = false
  /** Beats of an earlier start say nothing. */
  let run = 0

  const answered = async (): Promise<boolean> => {
    const slow = setTimeout(parts.onSlow, slowAfter).unref()
    try {
      const stream = await parts.dial(AbortSignal.timeout(patience))
      stream.destroy()
      return true
    } catch {
      // Why it does not answer is for the look that follows to find out.
      return false
    } finally {
      clearTimeout(slow)
    }
  }
  const beat = async (mine: number): Promise<void> => {
    if (parts.wanted()) {
      const well = await answered()
      if (mine !== run) return
      silent = !well
      if (well) parts.onAnswer()
      else parts.onSilence()
    }
    if (mine === run) next()
  }
  const next = () => {
    timer = setTimeout(beat, parts.everyMs, run).unref()
  }
  const stop = () => {
    run += 1
    silent = false
    clearTimeout(timer)
  }

  return {
    start: () => {
      stop()
      next()
    },
    stop,
    silent: () => silent,
  }
}
