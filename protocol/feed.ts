/**
 * A feed: files that the daemon writes and others follow. `snapshot.json` holds all rows at a sequence
 * number; `events-<first seq>.ndjson` segments hold the changes, one line each, numbered without gaps.
 * Whoever follows needs nothing else, and may begin anywhere.
 */
import { z } from 'zod/mini'

/** Format version of feed files; a reader refuses a higher one. */
export const feedVersion = 1

/** A row as it is now, and a row that is no more. */
export const put = z.readonly(z.strictObject({ kind: z.string(), key: z.string(), row: z.unknown() }))
export const drop = z.readonly(z.strictObject({ kind: z.string(), key: z.string() }))

export const feedLine = z.readonly(
  z.strictObject({
    v: z.literal(feedVersion),
    /** This feed's own number, without gaps. */
    seq: z.number(),
    /** Number of the journal event that it comes from. */
    journal: z.number(),
    at: z.number(),
    put: z.readonly(z.array(put)),
    drop: z.readonly(z.array(drop)),
  }),
)
export type FeedLine = z.infer<typeof feedLine>

export const feedSnapshot = z.readonly(
  z.strictObject({
    v: z.literal(feedVersion),
    seq: z.number(),
    journal: z.number(),
    at: z.number(),
    rows: z.readonly(z.array(put)),
  }),
)
export type FeedSnapshot = z.infer<typeof feedSnapshot>

/** `heartbeat.json` in the site feed, rewritten at least every `heartbeatInterval`. */
export const heartbeat = z.readonly(
  z.strictObject({
    v: z.literal(1),
    at: z.number(),
    version: z.string(),
    state: z.enum(['running', 'draining', 'stopped', 'degraded']),
    /** What is wrong, for those who run the site; null when all is well. */
    problem: z.nullable(z.string()),
    /** The same for everybody: codes of what concerns all that it runs, and nothing of whom or where. */
    codes: z.optional(z.readonly(z.array(z.string()))),
    /** Head of the daemon's audit chain. */
    audit: z.string(),
  }),
)
export type Heartbeat = z.infer<typeof heartbeat>
export const heartbeatInterval = 2000
/** A daemon that was not heard of for so long is silent, ms: longer than a busy host makes a healthy one wait. */
export const silentAfter = 8000

export const segmentName = (firstSeq: number): string => `events-${String(firstSeq).padStart(12, '0')}.ndjson`
export const segmentPattern = /^events-([0-9]{12})\.ndjson$/
/** A segment that is only read for the history. */
export const packedName = (segment: string): string => `${segment}.gz`
export const packedPattern = /^events-[0-9]{12}\.ndjson\.gz$/

/** `epoch.json`: names this numbering. Another epoch, other numbers: a follower begins anew. */
export const epochName = 'epoch.json'
export const feedEpoch = z.readonly(z.strictObject({ v: z.literal(feedVersion), epoch: z.string() }))
export const snapshotName = 'snapshot.json'
