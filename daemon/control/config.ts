/** Maintenance windows as a configuration file has them. */
import { createHash } from 'node:crypto'
import { z } from 'zod/mini'
import { type MaintenanceWindow, maintenanceWindow, windowScopes } from '../../protocol/maintenance.ts'

/** `2026-12-01T06:00:00Z`, or with an offset: a time without a zone is nobody's. Epoch, ms; undefined for what is none. */
export const parseTime = (text: string): number | undefined => {
  try {
    return Temporal.Instant.from(text).epochMilliseconds
  } catch {
    return undefined
  }
}

const time = z.string().check(
  z.refine((text) => parseTime(text) !== undefined, {
    error: (issue) => `${JSON.stringify(issue.input)} is no time such as 2026-12-01T06:00:00Z`,
  }),
)

const fields = z.strictObject({
  scope: z.enum(windowScopes),
  /** Of the host, runner or account. */
  name: z.optional(z.string()),
  from: time,
  until: time,
  reason: z.optional(z.string()),
})

/** The same entry is the same window after each start, and another one as soon as it says something else. */
const windowOf = ({ scope, name, from, until, reason }: z.infer<typeof fields>): MaintenanceWindow => {
  const [begin, end] = [parseTime(from) ?? 0, parseTime(until) ?? 0]
  const said = JSON.stringify([scope, name, begin, end, reason])
  return {
    id: `config-${createHash('sha256').update(said).digest('hex').slice(0, 16)}`,
    ...{ scope, name: name ?? null, from: begin, until: end, reason: reason ?? null },
  }
}

export const configuredWindow = fields.check(
  z.refine((value) => maintenanceWindow.safeParse(windowOf(value)).success, {
    error: 'a window ends after it began; host, runner and account need a name, site has none',
  }),
)

export const windowsOf = (entries: readonly z.infer<typeof fields>[]): readonly MaintenanceWindow[] =>
  entries.map(windowOf)
