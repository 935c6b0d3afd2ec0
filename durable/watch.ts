/**
 * Wake-ups that coalesce: a change that comes while the last one is being worked on makes the work run once more, and
 * a slow poll stands behind the watcher, which loses events on network filesystems and when its queue is full.
 */
import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'

export type WatchSettings = {
  /** A directory or file, or several. They may be missing, go and come back. */
  readonly path: string | readonly string[]
  readonly pollMs: number
  /** Never called twice at once. What it throws is told to `onProblem` and tried again at the next wake-up. */
  readonly run: () => Promise<void>
  /** Told once when `run` begins to fail, again when it fails differently, and with null when it works again. */
  readonly onProblem: (error: Error | null) => void
  /** An entry of a watched directory that came, went or changed; where nothing can be watched, never told. */
  readonly onName?: ((name: string) => void) | undefined
  readonly signal: AbortSignal
}

/** Watches one path for as long as it leads to the same inode; `look` again when it may lead to another one. */
const createWatch = (path: string, changed: (name: string | null) => void) => {
  let watcher: FSWatcher | undefined
  let watched: number | undefined
  const close = (): void => {
    watcher?.close()
    watcher = undefined
    watched = undefined
  }
  return {
    close,
    look: async (signal: AbortSignal): Promise<void> => {
      const inode = await stat(path).then(
        (found) => found.ino,
        () => undefined,
      )
      if (inode === watched || signal.aborted) return
      close()
      if (inode === undefined) return
      try {
        watcher = watch(path, (_event, name) => changed(name))
        watcher.on('error', close)
        watched = inode
      } catch {
        // No watches left, or the path is gone again: the poll does it alone until the next try.
        close()
      }
    },
  }
}

/** Runs at once, after each change and at each poll, until the signal is aborted; then resolves. Never rejects. */
export const runOnChange = async (settings: WatchSettings): Promise<void> => {
  const { pollMs, run, onProblem, signal } = settings
  let dirty = false
  let wake = (): void => undefined
  let problem: string | undefined

  const rouse = (): void => {
    dirty = true
    wake()
  }
  const changed = (name: string | null): void => {
    if (name !== null) settings.onName?.(name)
    rouse()
  }
  const watches = [settings.path].flat().map((path) => createWatch(path, changed))
  const report = (error: Error | null): void => {
    const said = error?.message
    if (said === problem) return
    problem = said
    onProblem(error)
  }
  const sleep = (): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, pollMs)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  signal.addEventListener('abort', rouse, { once: true })
  try {
    while (!signal.aborted) {
      await Promise.all(watches.map((each) => each.look(signal)))
      dirty = false
      try {
        await run()
        report(null)
      } catch (thrown) {
        report(thrown instanceof Error ? thrown : new Error(String(thrown)))
      }
      if (!dirty && !signal.aborted) await sleep()
    }
  } finally {
    signal.removeEventListener('abort', rouse)
    for (const each of watches) each.close()
  }
}
