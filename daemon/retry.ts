/** Doing again what the disk or the network refused, until it works. */
import { setTimeout as sleep } from 'node:timers/promises'

/** Rejects only when the signal is aborted. `onProblem` is told the first failure of a row, and null once it works. */
export const untilItWorks = async <T>(
  work: () => Promise<T>,
  settings: {
    readonly pauseMs: number
    readonly onProblem: (error: unknown) => void
    readonly signal: AbortSignal
  },
): Promise<T> => {
  for (let failed = false; ; ) {
    try {
      const result = await work()
      if (failed) settings.onProblem(null)
      return result
    } catch (error) {
      settings.signal.throwIfAborted()
      if (!failed) settings.onProblem(error)
      failed = true
      await sleep(settings.pauseMs, undefined, { signal: settings.signal })
    }
  }
}
