/** Definitions, layers, site file and keys: whichever changes, all are looked at, never twice at once. */
import { runOnChange } from '../durable/watch.ts'

export type FileWatch = {
  /** Looks now; resolves when that is through. */
  readonly look: () => Promise<void>
  /** Resolves when the signal is aborted. */
  readonly ended: Promise<void>
}

export const watchFiles = (settings: {
  readonly directories: readonly string[]
  readonly pollMs: number
  readonly look: () => Promise<void>
  readonly onProblem: (directory: string, error: Error | null) => void
  readonly signal: AbortSignal
}): FileWatch => {
  let turn = Promise.resolve()
  const look = (): Promise<void> => {
    const mine = turn.then(settings.look)
    turn = mine.catch(() => undefined)
    return mine
  }
  const watches = [...new Set(settings.directories)].map((path) =>
    runOnChange({
      path,
      pollMs: settings.pollMs,
      run: look,
      onProblem: (error) => settings.onProblem(path, error),
      signal: settings.signal,
    }),
  )
  return { look, ended: Promise.all(watches).then(() => undefined) }
}
