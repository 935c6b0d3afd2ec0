/** What the wall shows: summaries, accounts, servers and daemons, numbered, with a ring of past changes. */
import { SeneschalError } from '../../protocol/errors.ts'
import type { Clock, PolicyView, Servers, SiteView, Viewer } from '../context.ts'

export type WallSocket = {
  /** One text message, JSON. */
  readonly send: (text: string) => void
  /** Bytes that were sent and not yet taken. */
  readonly buffered: () => number
  readonly close: (code: number) => void
}

export type Wall = {
  /** Starts with hello and a reset, or the deltas after `since`; returns how to leave. */
  readonly join: (
    viewer: Viewer,
    socket: WallSocket,
    resume?: { readonly since: number; readonly epoch: string },
  ) => () => void
  readonly close: () => void
}

export type WallParts = {
  readonly site: SiteView
  readonly policy: PolicyView
  readonly servers: Servers
  readonly now: Clock
  /** New with each start of the hub. */
  readonly epoch: string
}

export const createWall = (_parts: WallParts): Wall => {
  throw new SeneschalError('internal')
}
