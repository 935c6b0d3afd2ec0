/**
 * What goes down a socket: a snapshot, then changes. Sockets only listen; nothing goes up. `seq` is the
 * number of the last change covered, `from` the first: a delta whose `from` is not last + 1 is a gap, and
 * the answer to every gap is the same: connect again without `since`, and take the reset.
 */
import { z } from 'zod/mini'
import { drop, put } from './feed.ts'

export const helloFrame = z.readonly(
  z.strictObject({
    type: z.literal('hello'),
    /** Numbers of another epoch mean nothing: a changed one forces a reset. */
    epoch: z.string(),
    seq: z.number(),
    /** Version of the side that speaks. */
    version: z.string(),
    /** Its clock, epoch ms. */
    now: z.number(),
  }),
)
export const resetFrame = z.readonly(
  z.strictObject({ type: z.literal('reset'), seq: z.number(), put: z.readonly(z.array(put)) }),
)
export const deltaFrame = z.readonly(
  z.strictObject({
    type: z.literal('delta'),
    from: z.number(),
    seq: z.number(),
    put: z.readonly(z.array(put)),
    drop: z.readonly(z.array(drop)),
  }),
)
/**
 * Sent when nothing else was for 15 s, so that a silent connection is told from a quiet one; and at once when what
 * the speaker itself listens to breaks, or is there again.
 */
export const tickFrame = z.readonly(
  z.strictObject({
    type: z.literal('tick'),
    seq: z.number(),
    now: z.number(),
    /** Why nothing new can come, as a stable code; absent while it can. */
    trouble: z.optional(z.string()),
  }),
)
export const frame = z.discriminatedUnion('type', [helloFrame, resetFrame, deltaFrame, tickFrame])
export type Frame = z.infer<typeof frame>
export const tickInterval = 15_000

/** Why the server closed a socket: WebSocket close codes of our own. */
export const closeCodes = {
  /** Privileges changed: reconnect at once with the session that you have now. */
  sessionReplaced: 4001,
  /** Sign in again. */
  sessionEnded: 4002,
  /** The right to look was lost. */
  forbidden: 4003,
  /** Too slow; reconnect and take the reset. */
  slow: 4008,
  /** Going away; reconnect. */
  restart: 1012,
} as const
