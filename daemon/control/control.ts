/** Follows `state/control/` and the clock: what is drained, and which windows begin and end. */
import { ensureDir } from '../../durable/files.ts'
import { runOnChange } from '../../durable/watch.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import type { MaintenanceWindow } from '../../protocol/maintenance.ts'
import type { DaemonEvent } from '../events.ts'
import { eventOfOwn, type KnownLocks } from '../locks.ts'
import { askForResume, controlDirectory, readControl, removeLock, removeWindow } from './files.ts'
import { changesTo, type Standstill } from './standstill.ts'

export type Control = {
  /** Once, before anything starts: what was asked for while there was no daemon. */
  readonly begin: () => Promise<void>
  /** Until the signal is aborted. */
  readonly follow: () => Promise<void>
}

export type ControlParts = {
  /** The daemon's state directory. */
  readonly directory: string
  readonly standstill: Standstill
  readonly locks: KnownLocks
  readonly configured: readonly MaintenanceWindow[]
  readonly keepDrained: boolean
  readonly commit: (events: readonly DaemonEvent[]) => Promise<void>
  readonly now: () => number
  /** Something may start now that did not before, or the reverse. */
  readonly onChange: () => void
  readonly onLocks: () => void
  readonly onProblem: (error: unknown) => void
  readonly signal: AbortSignal
}

/** Windows begin and end within this of their time, ms. */
const pollMs = 1000

export const createControl = (parts: ControlParts): Control => {
  const { directory, standstill, now } = parts
  /** It was told of a problem at the beginning. */
  let beganBadly = false

  const look = async (): Promise<void> => {
    const asked = await readControl(directory)
    const at = now()
    const windows = [...parts.configured, ...asked.windows]
    const changes = changesTo(standstill, { drained: asked.drained, windows }, at)
    if (changes.length > 0) {
      await parts.commit(changes.map((change) => ({ at, ...change })))
      parts.onChange()
    }
    // A file that cannot be read lifts no lock.
    const own = asked.unreadable.length > 0 ? undefined : eventOfOwn(parts.locks, asked.locks, at)
    if (own !== undefined) {
      await parts.commit([own])
      parts.onLocks()
    }
    for (const { id, until } of asked.locks)
      if (until !== null && until <= at) await removeLock(directory, id)
    for (const { id, until } of asked.windows) if (until <= at) await removeWindow(directory, id)
    const [first] = asked.unreadable
    if (first !== undefined) throw new SeneschalError('input.invalid', first)
  }

  return {
    begin: async () => {
      await ensureDir(controlDirectory(directory), { mode: 0o700 })
      if (!parts.keepDrained) await askForResume(directory)
      await look().catch((error: unknown) => {
        beganBadly = true
        parts.onProblem(error)
      })
    },
    follow: () =>
      runOnChange({
        path: controlDirectory(directory),
        pollMs,
        run: async () => {
          await look()
          if (beganBadly) parts.onProblem(null)
          beganBadly = false
        },
        onProblem: parts.onProblem,
        signal: parts.signal,
      }),
  }
}
