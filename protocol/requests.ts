/** What lies in the inbox: a request of a person (a grant, nothing beside it) or of an account itself. */
import { z } from 'zod/mini'
import { accountName, cyclePoint, requestId, taskName, workflowName } from './ids.ts'

/** `name`, or `name@version`. */
export const pluginRef = z.string().check(z.regex(/^[a-z][a-z0-9-]{0,63}(?:@[0-9][0-9A-Za-z.-]{0,31})?$/))

/** The largest request file, bytes. */
export const requestMaxBytes = 64 * 1024

/** The largest `ask`, bytes of its JSON. */
export const askMaxBytes = 16 * 1024
/** The longest grant, characters: with the largest `ask`, the most groups (tokens.ts) and the longest reason. */
export const grantMaxLength = 48 * 1024

/** What is asked for; stands whole inside a grant. */
export const ask = z.readonly(
  z.strictObject({
    action: z.string().check(z.regex(/^[a-z]{1,32}$/)),
    account: accountName,
    workflow: z.optional(workflowName),
    cycle: z.optional(cyclePoint),
    task: z.optional(taskName),
    plugin: z.optional(pluginRef),
    args: z.record(z.string(), z.unknown()),
  }),
)
export type Ask = z.infer<typeof ask>

/** A person's request: the grant says everything, and `id` must be its jti. */
export const grantedRequest = z.readonly(
  z.strictObject({
    version: z.literal(1),
    id: requestId,
    grant: z.string().check(z.maxLength(grantMaxLength)),
  }),
)

/** A request without a grant: there is no person, only the uid that owns the file. */
export const ownRequest = z.readonly(
  z.strictObject({
    version: z.literal(1),
    id: requestId,
    action: z.string().check(z.regex(/^[a-z]{1,32}$/)),
    account: z.optional(accountName),
    workflow: z.optional(workflowName),
    cycle: z.optional(cyclePoint),
    task: z.optional(taskName),
    plugin: z.optional(pluginRef),
    args: z.record(z.string(), z.unknown()),
  }),
)

/** A hub's order to this daemon: the signature says whose, whoever's file it is. `id` must be its jti. */
export const orderFile = z.readonly(
  z.strictObject({
    version: z.literal(1),
    id: requestId,
    order: z.string().check(z.maxLength(grantMaxLength)),
  }),
)
export type OrderFile = z.infer<typeof orderFile>

export const requestFile = z.union([grantedRequest, ownRequest, orderFile])

export const requestStates = ['waiting', 'done', 'refused', 'failed', 'stale'] as const
export type RequestState = (typeof requestStates)[number]
