/** Definitions, layers, site file and keys: whichever changes, all are looked at, never twice at once. */
import { runOnChange } from '../durable/watch.ts'

export type FileWatch = {
  /** Looks now; resolves when that is through. Never rejects: what fails is told, and tried again. */
  readonly look: () => Promise<void>
  /** Resolves when the signal is aborted. */
  readonly ended: Promise<void>
}

export const watchFiles = (settings: {
  readonly directories: readonly string[]
  /** Of all directories together: each look sees to everything. */
  readonly pollMs: number
  readonly look: () => Promise<void>
  /** Told of each look: how it failed, or null. */
  readonly onProblem: (error: unknown) => void
  readonly signal: AbortSignal
}): FileWatch => {
  let underWay = Promise.resolve()
  let next: Promise<void> | undefined
  /** Whoever asks before the next look has begun shares it. */
  const look = (): Promise<void> => {
    next ??= underWay.then(() => {
      next = undefined
      underWay = settings.look().then(() => settings.onProblem(null), settings.onProblem)
      return underWay
    })
    return next
  }
  const ended = runOnChange({
    path: [...new Set(settings.directories)],
    pollMs: settings.pollMs,
    run: look,
    onProblem: settings.onProblem,
    signal: settings.signal,
  })
  return { look, ended }
}
