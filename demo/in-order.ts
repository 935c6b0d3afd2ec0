/** The two programs of a site, in the order in which they need each other. */
import { join } from 'node:path'
import type { Child } from './children.ts'
import { type Layout, pinHubKeys } from './layout.ts'
import { whenFile, whenReady } from './wait.ts'

export type Parts = {
  readonly layout: Layout
  readonly hubUrl: string
  readonly signal: AbortSignal
  readonly startHub: () => Child
  readonly startDaemon: () => Child
  /** Told of each child at once, so that whoever ends the demonstration ends it too. */
  readonly started: (child: Child) => void
}

/** The hub makes its keys, the daemon pins them, and the hub is ready when it hears the daemon. */
export const startInOrder = async (parts: Parts): Promise<void> => {
  const { layout, hubUrl, signal } = parts
  const log = join(layout.logs, 'hub.log')
  parts.started(parts.startHub())
  await whenFile(layout.hubKeys, log, signal)
  pinHubKeys(layout)
  parts.started(parts.startDaemon())
  await whenReady(`${hubUrl}/readyz`, log, signal)
}
