/** What the daemon says is allowed about this account: its snapshot, followed. */
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isAbsent, readJsonFile } from '../durable/files.ts'
import { runOnChange } from '../durable/watch.ts'
import { decide } from '../policy/decide.ts'
import { isFresh } from '../policy/fresh.ts'
import type { Who } from '../policy/types.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { type PermissionSnapshot, permissionSnapshot } from '../protocol/permissions.ts'

export type Permissions = {
  /** Undefined until the first one was read: then nothing may be answered. */
  readonly snapshot: () => PermissionSnapshot | undefined
  /** Whether the daemon confirmed it within the last 60 s; without that, reading goes on and actions do not. */
  readonly fresh: () => boolean
  /** After each change of what is allowed. */
  readonly onChange: (listener: () => void) => void
  /** Resolves when the signal is aborted. */
  readonly followed: Promise<void>
}

export type PermissionsSettings = {
  readonly file: string
  /** Epoch ms. */
  readonly now: () => number
  readonly pollMs: number
  readonly onProblem: (error: Error | null) => void
  readonly signal: AbortSignal
}

export const followPermissions = (settings: PermissionsSettings): Permissions => {
  const { file, now } = settings
  let current: PermissionSnapshot | undefined
  /** Without its time, which each heartbeat changes. */
  let currentText = ''
  let seen = ''
  const listeners: (() => void)[] = []

  const take = (found: PermissionSnapshot): void => {
    // An older one put back would bring rights back that were taken away.
    if (current !== undefined && found.version < current.version) return
    const text = JSON.stringify({ ...found, at: 0 })
    const isChanged = text !== currentText
    current = found
    currentText = text
    if (isChanged) for (const listener of listeners) listener()
  }

  const read = async (): Promise<void> => {
    try {
      const { ino, mtimeMs } = await stat(file)
      const looked = `${ino} ${mtimeMs}`
      if (looked === seen) return
      const found = await readJsonFile(file, permissionSnapshot)
      if (found === undefined) return
      seen = looked
      take(found)
    } catch (thrown) {
      if (!isAbsent(thrown)) throw thrown
      throw new SeneschalError('feed.unavailable', 'There are no permissions yet.')
    }
  }

  const { pollMs, onProblem, signal } = settings
  return {
    snapshot: () => current,
    fresh: () => current !== undefined && isFresh(current.at, now()),
    onChange: (listener) => {
      listeners.push(listener)
    },
    followed: runOnChange({ path: dirname(file), pollMs, run: read, onProblem, signal }),
  }
}

export type Sight = (workflow: string) => boolean

/** Which workflows of the account somebody may view, each decided once. */
export const createSight = (snapshot: PermissionSnapshot | undefined, who: Who, account: string): Sight => {
  const known = new Map<string, boolean>()
  return (workflow) => {
    if (snapshot === undefined) return false
    const found = known.get(workflow)
    if (found !== undefined) return found
    const { allowed } = decide(snapshot, { who, action: 'view', account, workflow })
    known.set(workflow, allowed)
    return allowed
  }
}
