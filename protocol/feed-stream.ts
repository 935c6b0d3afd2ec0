/**
 * A site feed over a wire, for a hub that mounts nothing of the daemon's host. After its answer the agent's verb `feed`
 * says one line of JSON after the other, each a `feedMessage`; nothing goes the other way.
 */
import { z } from 'zod/mini'
import { feedLine, put } from './feed.ts'

const seq = z.number().check(z.int(), z.nonnegative())

/** Input of `feed`. Which site's feed it is stands in the forced command, so that the key's holder cannot choose. */
export const feedInput = z.strictObject({
  version: z.literal(1),
  /** Where the last stream ended: goes on after it where the feed still can, begins with a reset otherwise. */
  since: z.optional(z.strictObject({ epoch: z.string().check(z.maxLength(64)), seq })),
})
export type FeedInput = Readonly<z.infer<typeof feedInput>>

/** Answer of `feed`: which shape the lines have that follow. */
export const feedAnswer = z.object({ version: z.literal(1) })
export type FeedAnswer = Readonly<z.infer<typeof feedAnswer>>

/** Answer of `order`, whose input is an `orderFile`: it lies in the inbox. What becomes of it, the snapshot says. */
export const orderAnswer = z.object({ filed: z.literal(true) })
export type OrderAnswer = Readonly<z.infer<typeof orderAnswer>>

/** Beside the feed stand files that are replaced as a whole. */
export const feedFiles = ['permissions', 'heartbeat'] as const
export type FeedFile = (typeof feedFiles)[number]

export const feedMessage = z.discriminatedUnion('type', [
  /** Forget everything: all rows after line `seq`. Many rows come in parts, the last of which has no `more`. */
  z.strictObject({
    type: z.literal('reset'),
    epoch: z.string(),
    seq,
    rows: z.readonly(z.array(put)),
    more: z.boolean(),
  }),
  /** In order and without gaps after the reset, or after `since`. */
  z.strictObject({ type: z.literal('lines'), lines: z.readonly(z.array(feedLine)) }),
  /** All that stood in the feed by now was told. */
  z.strictObject({ type: z.literal('current') }),
  z.strictObject({ type: z.literal('file'), name: z.enum(feedFiles), value: z.unknown() }),
  /** What cannot be read on the daemon's host, and null once it can again. */
  z.strictObject({
    type: z.literal('problem'),
    of: z.enum(['feed', ...feedFiles]),
    detail: z.nullable(z.string()),
  }),
  /** Said when nothing else was for `feedTickInterval`: the way is open. */
  z.strictObject({ type: z.literal('tick') }),
])
export type FeedMessage = Readonly<z.infer<typeof feedMessage>>

export const feedTickInterval = 5000
/** Longest line, bytes: as long as a line of the feed itself may be. */
export const feedMessageLimit = 64 * 1024 * 1024
