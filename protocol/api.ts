/** Shapes of the hub's HTTP interface (`/auth`, `/api`) and of the UI server's (`/u/:account/…`). Browser and tests read these. */
import { z } from 'zod/mini'
import { auditRecord } from './audit.ts'
import { accountName, cyclePoint, personName, requestId, taskName, viewerName, workflowName } from './ids.ts'
import { lock, lockTarget } from './locks.ts'
import { elevationClass, permissionActions } from './permissions.ts'
import { type RequestState, requestStates } from './requests.ts'
import { accountRow, daemonRow, jobRow, serverRow, summaryRow, workflowRow } from './rows.ts'
import { tokenRow } from './script-tokens.ts'
import { elevation } from './tokens.ts'

/** Every answer that is not 2xx: `{ error: { code, message, request } }`. `request` is the HTTP request's id. */
export const errorBody = z.strictObject({
  error: z.strictObject({ code: z.string(), message: z.string(), request: z.string() }),
})
export type ErrorBody = z.infer<typeof errorBody>

const elevationTerms = z.strictObject({
  /** At most so long, ms. */
  longest: z.number(),
  reasonRequired: z.boolean(),
  /** Whether the provider is asked for more than the usual credentials. */
  stronger: z.boolean(),
})

/** A session that began with the sealed key, without the identity provider. */
export const openDoor = z.strictObject({ person: personName, until: z.number(), own: z.boolean() })

/** `POST /auth/break-glass`: the code that the sealed key gave, once; answered 204 with the session's cookie. */
export const breakGlassCode = z.strictObject({ code: z.string().check(z.maxLength(64)) })

/** `GET /api/session`. 401 `session.missing` for nobody. */
export const sessionBody = z.strictObject({
  person: viewerName,
  /** Display name, from the provider. */
  name: z.string(),
  groups: z.readonly(z.array(z.string())),
  csrf: z.string(),
  elevation: z.nullable(elevation),
  /** Name of the kiosk, where the session is one. */
  kiosk: z.nullable(z.string()),
  /** The token, where it is one that asks. */
  token: z.optional(tokenRow),
  /** Doors opened with the sealed key that are open now: one's own, and all of them for administrators. */
  breakGlass: z.optional(z.readonly(z.array(openDoor))),
  roles: z.readonly(z.array(z.enum(['admin', 'auditor', 'developer']))),
  /** Site facts the pages need. */
  site: z.strictObject({
    title: z.string(),
    version: z.string(),
    /** On which terms privileges are raised, by class. */
    elevation: z.strictObject({ execute: elevationTerms, write: elevationTerms }),
    /** A demonstration site says so on every page. */
    demo: z.boolean(),
  }),
  /** The hub's clock, epoch ms: the countdown does not trust the browser's. */
  now: z.number(),
})
export type SessionBody = z.infer<typeof sessionBody>

/** `POST /api/admin/locks` takes this, answers 201 with the lock; `DELETE /api/admin/locks/:lock` lifts it. */
export const lockCreate = z.strictObject({
  on: lockTarget,
  reason: z.string().check(z.minLength(1), z.maxLength(500)),
  /** Ends by itself after so long; without it, when somebody lifts it. */
  minutes: z.optional(z.number().check(z.int(), z.gte(1), z.lte(525_600))),
  /** One may lock oneself out, if one says so. */
  sure: z.optional(z.boolean()),
})

const names = z.readonly(z.array(z.string()))
/** `GET /api/admin/locks`. */
export const locksBody = z.strictObject({
  /** Set at this hub. */
  locks: z.readonly(z.array(lock)),
  /** In force besides: of site files, and of those who run the daemons. */
  elsewhere: z.strictObject({ persons: names, accounts: names, hosts: names }),
  /** Whether each daemon has taken them up. */
  daemons: z.readonly(z.array(z.strictObject({ daemon: z.string(), current: z.boolean() }))),
  now: z.number(),
})
export type LocksBody = z.infer<typeof locksBody>

/** May this person ever do it, by action; elevation not considered. Browsers get answers, never rules. */
export const allowed = z.partial(
  z.strictObject(
    Object.fromEntries(permissionActions.map((name) => [name, z.boolean()])) as Record<
      (typeof permissionActions)[number],
      z.ZodMiniBoolean
    >,
  ),
)
export type Allowed = z.infer<typeof allowed>

/** One workflow that I may view, with what I may do. */
export const workflowSummary = z.strictObject({ summary: summaryRow, allowed })

/** `GET /api/accounts/:account`; `GET /api/accounts` is `{ accounts: [...], daemons: [...] }`. */
export const accountBody = z.strictObject({
  account: accountRow,
  server: serverRow,
  workflows: z.readonly(z.array(workflowSummary)),
})
export type AccountBody = z.infer<typeof accountBody>
export const accountsBody = z.strictObject({
  accounts: z.readonly(z.array(accountBody)),
  daemons: z.readonly(z.array(daemonRow)),
})
export type AccountsBody = z.infer<typeof accountsBody>

/** `POST /api/accounts/:account/actions/:action` takes this, answers 202 `{ request }`. */
export const actionBody = z.strictObject({
  workflow: z.optional(workflowName),
  cycle: z.optional(cyclePoint),
  task: z.optional(taskName),
  plugin: z.optional(z.string()),
  args: z.optional(z.record(z.string(), z.unknown())),
  reason: z.optional(z.string().check(z.maxLength(1000))),
})
export type ActionBody = z.infer<typeof actionBody>
export const actionAnswer = z.strictObject({ request: requestId })

/** `GET /api/requests/:id`. */
export const requestBody = z.strictObject({
  state: z.enum(requestStates),
  code: z.optional(z.string()),
  reason: z.optional(z.string()),
})
export type RequestBody = { readonly state: RequestState; readonly code?: string; readonly reason?: string }

/** For how long, where that is less than the site allows. */
const minutes = z.optional(z.number().check(z.int(), z.gte(1), z.lte(1440)))

/** `POST /auth/elevate` takes this, answers `{ location }`: the provider's page. */
export const elevateBody = z.strictObject({
  class: elevationClass,
  reason: z.optional(z.string().check(z.maxLength(1000))),
  minutes,
  return: z.optional(z.string().check(z.maxLength(2000))),
})
export const elevateAnswer = z.strictObject({ location: z.string() })

/**
 * From a command line: `POST /auth/device` (`{}`), or `POST /auth/device/raise` with this, answers `deviceAnswer`; the
 * person opens the provider's page; `POST /auth/device/token` with `deviceFetch` answers 202 `{ state: 'waiting' }`
 * until they are through, then 200 `{ state: 'done' }` with the session's cookie.
 */
export const deviceRaise = z.strictObject({
  class: elevationClass,
  reason: z.optional(z.string().check(z.maxLength(1000))),
  minutes,
})
export const deviceAnswer = z.strictObject({
  /** Gives the answer to whoever knows it. */
  device: z.string(),
  /** What the person compares or types at the provider. */
  userCode: z.string(),
  verificationUri: z.string(),
  /** The same with the code in it; null where the provider has none. */
  verificationUriComplete: z.nullable(z.string()),
  /** Seconds. */
  expiresIn: z.number(),
  interval: z.number(),
})
export type DeviceAnswer = z.infer<typeof deviceAnswer>
export const deviceFetch = z.strictObject({ device: z.string().check(z.maxLength(64)) })
export const deviceState = z.strictObject({ state: z.enum(['waiting', 'done']) })

/** One event of `GET /api/accounts/:account/server/progress` (`text/event-stream`, event `progress`). */
export const progressEvent = z.strictObject({
  state: z.enum(['off', 'starting', 'on', 'stopping', 'failed']),
  /** A sentence for the person who waits. */
  message: z.string(),
  at: z.number(),
  code: z.nullable(z.string()),
})
export type ProgressEvent = z.infer<typeof progressEvent>

/** `GET /api/audit`. */
export const auditBody = z.strictObject({
  /** Whether the hub can record; while it cannot, nobody can act. */
  writable: z.boolean(),
  records: z.readonly(z.array(auditRecord)),
  /** Give it back to go on towards older records; null at the end. */
  cursor: z.nullable(z.string()),
})
export type AuditBody = z.infer<typeof auditBody>

/** Frames of `WebSocket /api/audit/stream`. */
export const auditFrame = z.strictObject({
  type: z.literal('records'),
  /** As of this frame; told at once when it changes. */
  writable: z.boolean(),
  records: z.readonly(z.array(auditRecord)),
})

/** `GET /api/explain`. */
export const explainBody = z.strictObject({
  person: personName,
  action: z.string(),
  account: accountName,
  workflow: z.nullable(workflowName),
  allowed: z.boolean(),
  /** The layer that decided; null where nobody is named anywhere. */
  layer: z.nullable(z.enum(['site', 'account', 'workflow', 'limits', 'lock', 'owner', 'token'])),
  file: z.nullable(z.string()),
  line: z.nullable(z.number()),
  /** The key and the principal that decided, as written. */
  rule: z.nullable(z.string()),
  principal: z.nullable(z.string()),
  /** One sentence. */
  reason: z.string(),
  /** What raising privileges would change. */
  elevation: z.nullable(elevationClass),
})
export type ExplainBody = z.infer<typeof explainBody>

/** `GET /api/explain/all?person=&account=&workflow=`: every action of the catalogue, for one person. */
export const explainAllBody = z.strictObject({ answers: z.readonly(z.array(explainBody)) })
export type ExplainAllBody = z.infer<typeof explainAllBody>

/** Kiosks. `POST /api/admin/kiosks {name, accounts?}` → `{ kiosk, code }`; the code enrols one browser, once. */
export const kioskRow = z.strictObject({
  kiosk: z.string(),
  name: z.string(),
  /** null: all accounts that `everyone` may view. */
  accounts: z.nullable(z.readonly(z.array(accountName))),
  state: z.enum(['new', 'enrolled', 'revoked', 'expired']),
  createdBy: personName,
  createdAt: z.number(),
  enrolledAt: z.nullable(z.number()),
  expiresAt: z.number(),
  seenAt: z.nullable(z.number()),
})
export type KioskRow = z.infer<typeof kioskRow>
const kioskName = z.string().check(z.minLength(1), z.maxLength(64))
export const kioskCreate = z.strictObject({
  name: kioskName,
  accounts: z.optional(z.readonly(z.array(accountName))),
  /** How long it is enrolled for, ms; the site has a default. */
  lasts: z.optional(z.number().check(z.int(), z.gte(60_000))),
})
/** `POST /api/admin/kiosks/:kiosk` */
export const kioskRename = z.strictObject({ name: kioskName })
/** `POST /api/kiosk/enrol`: the public key is a JWK (EC P-256) whose private half never leaves the browser. */
export const kioskEnrol = z.strictObject({
  code: z.string().check(z.maxLength(128)),
  key: z.strictObject({ kty: z.literal('EC'), crv: z.literal('P-256'), x: z.string(), y: z.string() }),
})
/** `GET /api/kiosk/nonce?kiosk=` → `{ nonce }`; `POST /api/kiosk/session` with ES256 (P1363, base64url) over the nonce → 204 and the cookie. */
export const kioskSession = z.strictObject({ kiosk: z.string(), nonce: z.string(), signature: z.string() })

/** UI server: `GET workflows` and `GET workflows/:workflow`. */
export const workflowBody = z.strictObject({ workflow: workflowRow, allowed })
export type WorkflowBody = z.infer<typeof workflowBody>
export const workflowsBody = z.strictObject({ workflows: z.readonly(z.array(workflowBody)) })
/** `GET workflows/:workflow/source`: the definition as it stands in its file. */
export const sourceBody = z.strictObject({ file: z.string(), text: z.string(), at: z.number() })
/** `GET workflows/:workflow/graph`: tasks and edges of the definition. */
export const graphBody = z.strictObject({
  nodes: z.readonly(z.array(z.strictObject({ task: taskName, families: z.readonly(z.array(z.string())) }))),
  edges: z.readonly(
    z.array(
      z.strictObject({
        from: z.string(),
        to: z.string(),
        output: z.string(),
        offset: z.nullable(z.string()),
      }),
    ),
  ),
})
/** `GET jobs?workflow=&cycle=&task=&state=&before=&limit=`, newest first. */
export const jobsBody = z.strictObject({ jobs: z.readonly(z.array(jobRow)), cursor: z.nullable(z.string()) })
/**
 * `GET jobs/:id/logs` (`:id` = job key, URL-encoded). The file itself: `jobs/:id/logs/:file`, with `Range`, or
 * `?tail=BYTES` (206 with `Content-Range`, so that the reader knows where it is; 200 where that is the whole file).
 * `?follow=1&offset=BYTES` (or `&tail=`) goes on as the file grows. It ends soon after the job did, and after 50 s at
 * most: whoever looks at a job that still runs asks again from where it is.
 */
export const logsBody = z.strictObject({
  files: z.readonly(z.array(z.strictObject({ file: z.string(), size: z.number(), at: z.number() }))),
})
/**
 * One line of `GET search?text=&workflow=&cycle=&task=&limit=&regex=1` (NDJSON), newest cycle first. A search that has
 * to be given up after it began says why in a last line of the shape of `errorBody`.
 */
export const searchHit = z.strictObject({
  workflow: workflowName,
  cycle: cyclePoint,
  task: taskName,
  submit: z.number(),
  file: z.string(),
  line: z.number(),
  text: z.string(),
})
/** `POST actions` at the UI server, by the hub alone: the grant; answered 202 once the file is in the inbox. */
export const handOver = z.strictObject({ id: requestId, grant: z.string() })
