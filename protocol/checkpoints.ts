/** Signed heads of audit chains, kept outside: what was there at that time cannot be taken away unseen afterwards. */
import { z } from 'zod/mini'

/** `typ` of its JWT: it is worth nothing as a grant, and a grant nothing as a checkpoint. */
export const checkpointType = 'seneschal-checkpoint+jwt'

export const checkpointClaims = z.readonly(
  z.strictObject({
    /** The writer: `hub/NAME` or `daemon/NAME`. */
    iss: z.string().check(z.regex(/^(?:hub|daemon)\/[A-Za-z0-9_.-]{1,64}$/)),
    /** The site, as its daemons are configured. */
    sub: z.string().check(z.maxLength(128)),
    /** Number and hash of the chain's last record then. */
    seq: z.number().check(z.int(), z.gte(1)),
    hash: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
    /** Seconds since the epoch. */
    iat: z.number(),
  }),
)
export type Checkpoint = z.infer<typeof checkpointClaims>

/** A line of a file of checkpoints, and the body that a collector is sent. */
export const checkpointLine = z.readonly(z.strictObject({ checkpoint: z.string().check(z.maxLength(2000)) }))
