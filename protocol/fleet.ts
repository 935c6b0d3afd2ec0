/** What administrators see of UI servers and of the hosts they run on. */
import { z } from 'zod/mini'
import { lockedHost } from './locks.ts'
import { serverRow } from './rows.ts'

const names = z.readonly(z.array(z.string()))
const ms = z.number()

/** `GET /api/admin/servers`: of the accounts that had a server since the hub started. */
export const serversBody = z.strictObject({
  servers: z.readonly(
    z.array(
      z.strictObject({
        row: serverRow,
        /** Persons and kiosks with something of it open, each once. */
        viewers: names,
        /** As it was when it was last looked at. */
        found: z.nullable(
          z.strictObject({
            version: z.string(),
            /** Resident, bytes. */ memory: z.nullable(z.number()),
            at: ms,
          }),
        ),
      }),
    ),
  ),
  /** Starts under way, and those that wait for their turn. */
  queue: z.strictObject({ starting: z.number(), waiting: z.number() }),
  now: ms,
})
export type ServersBody = z.infer<typeof serversBody>

/** `GET /api/admin/servers/:account/log`. */
export const serverLog = z.strictObject({ lines: names })

/** Where a condemned host's servers go. `idle`: those that nobody looks at. */
export const migrationWhich = z.enum(['idle', 'all'])
export type MigrationWhich = z.infer<typeof migrationWhich>
/** `POST /api/admin/hosts/:host/migrate` takes this and answers 202 with `migrationStarted`. */
export const migrationAsk = z.strictObject({ which: migrationWhich })
export const migrationStarted = z.strictObject({ servers: z.number() })
export const migration = z.strictObject({
  which: migrationWhich,
  moved: z.number(),
  left: z.number(),
  /** Why it stopped before its end. */
  code: z.nullable(z.string()),
})
export type MigrationState = z.infer<typeof migration>

/** `POST /api/admin/hosts/:host/condemned` takes this. */
export const condemnAsk = z.strictObject({ reason: z.string().check(z.minLength(1), z.maxLength(500)) })
/** The host of an address. */
export const hostInPath = lockedHost

const load = z.strictObject({
  /** Mean length of the run queue over 1, 5 and 15 minutes. */
  load: z.tuple([z.number(), z.number(), z.number()]),
  cores: z.number(),
  memory: z.strictObject({ total: z.number(), available: z.number() }),
  sessions: z.number(),
  at: ms,
})
const curve = z.readonly(z.array(z.nullable(z.number())))

/** `GET /api/admin/hosts`. */
export const hostsBody = z.strictObject({
  hosts: z.readonly(
    z.array(
      z.strictObject({
        host: z.string(),
        labels: names,
        /** By an administrator; `by` is null where the configuration says so. */
        condemned: z.nullable(
          z.strictObject({ reason: z.nullable(z.string()), by: z.nullable(z.string()), at: z.nullable(ms) }),
        ),
        locked: z.boolean(),
        /** It did not answer, and is not asked before then. */
        downUntil: z.nullable(ms),
        /** Of this hub. */
        servers: z.number(),
        /** Of this hub, left there when the host was not heard any more; ended as soon as it answers. */
        left: z.number(),
        measured: z.nullable(load),
        /** The last of each ends at the answer's `now`; null where nobody measured. */
        history: z.strictObject({
          every: ms,
          /** Run queue over one minute, per core. */
          load: curve,
          /** Of its memory, the part in use. */
          memory: curve,
        }),
        migration: z.nullable(migration),
      }),
    ),
  ),
  now: ms,
})
export type HostsBody = z.infer<typeof hostsBody>
export type HostsRow = HostsBody['hosts'][number]
