/** One small JSON file that somebody else replaces now and then: its value, again after each change. */
import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { z } from 'zod/mini'
import { isAbsent, readJsonFile } from './files.ts'

export type FollowFileSettings<T> = {
  readonly path: string
  readonly schema: z.ZodMiniType<T>
  /** What a missed wake-up costs at most, ms. */
  readonly pollMs: number
  readonly onValue: (value: T) => void
  /** Told once per problem; an absent file is none. */
  readonly onProblem: (problem: unknown) => void
  readonly signal: AbortSignal
}

/** Resolves after the first look; follows until the signal is aborted. */
export const followFile = async <T>(settings: FollowFileSettings<T>): Promise<void> => {
  const { path, schema, signal } = settings
  let seen = ''
  let watcher: FSWatcher | undefined
  let busy = false
  let again = false

  const read = async (): Promise<void> => {
    try {
      const { ino, mtimeNs, size } = await stat(path, { bigint: true })
      const found = `${ino} ${mtimeNs} ${size}`
      if (found === seen || signal.aborted) return
      seen = found
      const value = await readJsonFile(path, schema)
      if (value !== undefined && !signal.aborted) settings.onValue(value)
    } catch (thrown) {
      if (!isAbsent(thrown) && !signal.aborted) settings.onProblem(thrown)
    }
  }
  // A wake-up while reading makes it read once more: what changed meanwhile is not lost.
  const look = async (): Promise<void> => {
    again = true
    if (busy) return
    busy = true
    while (again && !signal.aborted) {
      again = false
      await read()
    }
    busy = false
  }
  const unwatch = () => {
    watcher?.close()
    watcher = undefined
  }
  const rewatch = () => {
    if (watcher !== undefined) return
    try {
      watcher = watch(dirname(path), () => void look()).on('error', unwatch)
    } catch {
      // The directory is not there (yet): the poll looks, and tries again to watch.
      unwatch()
    }
  }
  const poll = setInterval(() => {
    rewatch()
    void look()
  }, settings.pollMs)
  poll.unref()
  signal.addEventListener(
    'abort',
    () => {
      clearInterval(poll)
      unwatch()
    },
    { once: true },
  )
  rewatch()
  await look()
}
