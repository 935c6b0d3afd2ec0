/** The `copies:` part of the daemon's configuration. Nothing is copied but between the roots that stand here. */
import { z } from 'zod/mini'
import { absolutePath } from '../../config/schemas.ts'

const rootName = z.string().check(z.regex(/^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/))

const siteRoot = z.strictObject({
  path: absolutePath,
  /** Copies may be made below it too, not only from it. */
  write: z._default(z.boolean(), false),
})

export const copiesConfig = z.strictObject({
  /** Directories of the service account. */
  site: z._default(z.record(rootName, siteRoot), {}),
  /** Directories of the accounts, on their hosts; `~` is the account's home. */
  user: z._default(z.record(rootName, z.union([absolutePath, z.literal('~')])), { home: '~' }),
  /** What becomes of links that lead out of what is copied, and of pipes, sockets and devices. */
  foreign: z._default(z.enum(['refuse', 'skip']), 'refuse'),
  /** Copies under way at the same time. */
  atOnce: z._default(z.number().check(z.int(), z.gte(1), z.lte(64)), 4),
})
export type CopiesConfig = Readonly<z.infer<typeof copiesConfig>>

export const noCopies: CopiesConfig = { site: {}, user: { home: '~' }, foreign: 'refuse', atOnce: 4 }
