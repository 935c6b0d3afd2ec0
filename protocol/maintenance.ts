/** When nothing new starts: maintenance windows, and what of them an account's row shows. */
import { z } from 'zod/mini'

/** What a window is about. `site` has no name. */
export const windowScopes = ['site', 'host', 'runner', 'account'] as const

/** Epoch, ms. */
const time = z.number().check(z.nonnegative())
const name = z.nullable(z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,254}$/)))
const reason = z.nullable(z.string().check(z.maxLength(200)))

export const maintenanceWindow = z.readonly(
  z
    .strictObject({
      id: z.string().check(z.regex(/^[a-z0-9][a-z0-9-]{0,63}$/)),
      scope: z.enum(windowScopes),
      name,
      from: time,
      until: time,
      reason,
    })
    .check(
      z.refine(({ scope, name: of }) => (scope === 'site') === (of === null), {
        error: 'host, runner and account need a name, site has none',
      }),
      z.refine(({ from, until }) => from < until, { error: 'a window ends after it began' }),
    ),
)
export type MaintenanceWindow = z.infer<typeof maintenanceWindow>

/** Why nothing new starts for an account at the moment. A drain has no end of its own. */
export const rest = z.readonly(
  z.strictObject({ scope: z.enum(['drain', ...windowScopes]), name, until: z.nullable(time), reason }),
)
export type Rest = z.infer<typeof rest>
