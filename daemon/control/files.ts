/**
 * `state/control/`: how whoever runs the daemon tells it to drain, of maintenance windows, and of locks. One file for each, so
 * that nobody overwrites another's; in a directory that the service account alone can write to, so that whoever wrote
 * it may. They are there before a daemon is, and outlive it.
 */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod/mini'
import { ensureDir, isAbsent, readJsonFile, syncDir, writeFileAtomic } from '../../durable/files.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { type Lock, lock } from '../../protocol/locks.ts'
import { type MaintenanceWindow, maintenanceWindow } from '../../protocol/maintenance.ts'

const windowFile = z.strictObject({ v: z.literal(1), window: maintenanceWindow })
const lockFile = z.strictObject({ v: z.literal(1), lock })
const lockName = /^lock-([a-z0-9]{8,32})\.json$/
const windowName = /^window-([a-z0-9][a-z0-9-]{0,63})\.json$/

export const controlDirectory = (state: string): string => join(state, 'control')
const drainFile = (state: string): string => join(controlDirectory(state), 'drain')
const fileOfWindow = (state: string, id: string): string => join(controlDirectory(state), `window-${id}.json`)

const write = async (state: string, path: string, content: string): Promise<void> => {
  await ensureDir(controlDirectory(state), { mode: 0o700 })
  await writeFileAtomic(path, content, { mode: 0o600 })
}
const remove = async (state: string, path: string): Promise<void> => {
  await rm(path, { force: true })
  await syncDir(controlDirectory(state)).catch((thrown: unknown) => {
    if (!isAbsent(thrown)) throw thrown
  })
}

export type Asked = {
  readonly drained: boolean
  readonly windows: readonly MaintenanceWindow[]
  readonly locks: readonly Lock[]
  /** Files that hold no window, and why; the others count. */
  readonly unreadable: readonly string[]
}

export const readControl = async (state: string): Promise<Asked> => {
  const names = await readdir(controlDirectory(state)).catch((thrown: unknown): string[] => {
    if (isAbsent(thrown)) return []
    throw thrown
  })
  const windows: MaintenanceWindow[] = []
  const locks: Lock[] = []
  const unreadable: string[] = []
  for (const name of names.toSorted()) {
    const path = join(controlDirectory(state), name)
    try {
      if (windowName.test(name)) {
        const found = await readJsonFile(path, windowFile)
        if (found !== undefined) windows.push(found.window)
      } else if (lockName.test(name)) {
        const found = await readJsonFile(path, lockFile)
        if (found !== undefined) locks.push(found.lock)
      }
    } catch (thrown) {
      if (!(thrown instanceof SeneschalError)) throw thrown
      unreadable.push(thrown.detail ?? thrown.message)
    }
  }
  return { drained: names.includes('drain'), windows, locks, unreadable }
}

/** Idempotent, like its contrary. */
export const askForDrain = (state: string): Promise<void> => write(state, drainFile(state), '')
export const askForResume = (state: string): Promise<void> => remove(state, drainFile(state))

const fileOfLock = (state: string, id: string): string => join(controlDirectory(state), `lock-${id}.json`)
export const addLock = (state: string, one: Lock): Promise<void> =>
  write(state, fileOfLock(state, one.id), `${JSON.stringify({ v: 1, lock: one })}\n`)
export const removeLock = (state: string, id: string): Promise<void> => remove(state, fileOfLock(state, id))

export const addWindow = (state: string, window: MaintenanceWindow): Promise<void> =>
  write(state, fileOfWindow(state, window.id), `${JSON.stringify({ v: 1, window })}\n`)
export const removeWindow = (state: string, id: string): Promise<void> =>
  remove(state, fileOfWindow(state, id))
