/** What everybody on the host may see of a request: no names, no arguments, no grants. */
import { z } from 'zod/mini'
import { copyProgress } from './copies.ts'
import { requestId } from './ids.ts'
import { requestStates } from './requests.ts'

/** The directories it stands in can be written to by a group, so whoever reads one takes nothing else. */
export const publicStatus = z.readonly(
  z.object({
    id: requestId,
    state: z.enum(requestStates),
    code: z.nullable(z.string().check(z.regex(/^[a-z][a-z0-9.-]{0,63}$/))),
    /** Epoch, ms. */
    at: z.number().check(z.int(), z.gte(0), z.lte(8.64e15)),
    /** Of a copy under way. */
    progress: z.optional(copyProgress),
  }),
)
export type PublicStatus = z.infer<typeof publicStatus>

/** The largest `status.json`, bytes. */
export const publicStatusMaxBytes = 4096

/** An id; or an id and the uid of whoever used it although it was another's. */
export const isPublishedName = (name: string): boolean =>
  /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:-[0-9]{1,10})?$/.test(name)
