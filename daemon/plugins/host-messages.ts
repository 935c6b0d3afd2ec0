/** What the daemon says to the host of a plugin, and what comes back: NDJSON, one call after another. */
import { z } from 'zod/mini'

/** Longest line in either direction, bytes. */
export const hostLineLimit = 1024 * 1024

/** The descriptor on which a host answers: what a plugin prints is not an answer. */
export const answerDescriptor = 3

const id = z.number()
const json = z.record(z.string(), z.unknown())

export const hostCall = z.discriminatedUnion('op', [
  /** Once, first. Answered by the plugin's description, or `problems` with the settings. */
  z.strictObject({
    id,
    op: z.literal('load'),
    directory: z.string(),
    file: z.string(),
    kind: z.enum(['module', 'python', 'program']),
    settings: json,
  }),
  /** Arguments against the schema, then the rule, then the plan. `settings`: instead of those that were loaded. */
  z.strictObject({ id, op: z.literal('decide'), request: json, settings: z.optional(json) }),
])
export type HostCall = z.infer<typeof hostCall>

/** Everything in it is the word of a plugin: `description`, `verdict` and `step` are checked again by whoever asked. */
export const hostAnswer = z.union([
  z.strictObject({ id, description: z.unknown(), problems: z.array(z.string()) }),
  z.strictObject({ id, invalid: z.array(z.string()) }),
  z.strictObject({ id, verdict: z.unknown() }),
  z.strictObject({ id, step: z.unknown() }),
  z.strictObject({ id, error: z.string() }),
])
export type HostAnswer = z.infer<typeof hostAnswer>
