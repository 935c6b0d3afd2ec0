/** Sessions of persons as they themselves, and administrators, see them in a list. */
import { z } from 'zod/mini'
import { personName } from './ids.ts'
import { elevation } from './tokens.ts'

export const sessionRow = z.strictObject({
  /** Public name; stands in records, and is no credential. */
  session: z.string(),
  person: personName,
  /** Whether it is the one that asks. */
  own: z.boolean(),
  /** What the browser called itself, or `command line`; null where it said nothing. */
  device: z.nullable(z.string()),
  /** Where it began. */
  address: z.nullable(z.string()),
  since: z.number(),
  seenAt: z.number(),
  expiresAt: z.number(),
  /** Raised privileges that hold now. */
  elevation: z.nullable(elevation),
})
export type SessionRow = z.infer<typeof sessionRow>

/** `GET /api/sessions` and `GET /api/admin/sessions`, the latest first. */
export const sessionsBody = z.strictObject({ sessions: z.readonly(z.array(sessionRow)), now: z.number() })
export type SessionsBody = z.infer<typeof sessionsBody>

/** `DELETE /api/sessions`: all of one's own but the one that asks. */
export const sessionsEnded = z.strictObject({ ended: z.number() })

/** What the session of a command line says of its device. */
export const commandLineDevice = 'command line'
