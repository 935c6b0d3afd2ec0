/** The parts that a hub is made of, as its rooms see each other. Each is made by a factory and passed by name. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { Decision, Question } from '../policy/types.ts'
import type { ProgressEvent } from '../protocol/api.ts'
import type { AuditEntry, AuditRecord } from '../protocol/audit.ts'
import type { Checkpoint } from '../protocol/checkpoints.ts'
import type { LayerRow } from '../protocol/layers.ts'
import type { ElevationClass, PermissionAction, PermissionSnapshot } from '../protocol/permissions.ts'
import type { AccountRow, DaemonRow, RequestRow, ServerRow, SummaryRow } from '../protocol/rows.ts'
import type { TokenScope } from '../protocol/script-tokens.ts'
import type { Elevation } from '../protocol/tokens.ts'

/** Milliseconds since the epoch; never runs backwards (the high-water mark is stored). */
export type Clock = () => number
export type Log = FastifyBaseLogger

/** Who is behind a request, once the gate let it pass. Elevation is null as soon as its end has passed. */
export type Viewer = {
  readonly kind: 'person' | 'kiosk' | 'token'
  /** Public name of the session: fit for logs, useless as a credential. */
  readonly session: string
  /** For a kiosk: `kiosk:ID`, a name no person can have. */
  readonly person: string
  readonly name: string
  readonly groups: readonly string[]
  readonly elevation: Elevation | null
  /** For a kiosk: the accounts it shows; null = all that `everyone` may view. */
  readonly accounts: readonly string[] | null
  /** For the token of a script: what of its person's rights it has. */
  readonly scope?: TokenScope | undefined
  readonly address: string
}

/**
 * Kinds of request: the columns of the gate.
 * PUBLIC nobody needs to be signed in · PAGE reading over HTTP · STREAM a socket that listens · WALL reading
 * that a kiosk may do too · ACTION a change through the one door · CHANGE a change of one's own session or of
 * a server (CSRF and origin, no elevation) · ADMIN administration (role and elevation).
 */
export const PUBLIC = 1
export const PAGE = 2
export const STREAM = 4
export const WALL = 8
export const ACTION = 16
export const CHANGE = 32
export const ADMIN = 64
export type RequestKind = 1 | 2 | 4 | 8 | 16 | 32 | 64

/** What the request wants to do, for the row `permitted` of the gate. */
export type Wants = {
  readonly action: PermissionAction
  readonly account: string
  readonly workflow?: string | undefined
  /** Named in the record of a refusal; they decide nothing. */
  readonly cycle?: string | undefined
  readonly task?: string | undefined
  /**
   * Enough where it may be done on the account as a whole or on any one of its workflows: for routes whose
   * answer is filtered anyway (hub/visible.ts says how).
   */
  readonly anywhere?: boolean | undefined
}

export type TokensTaken = 'readers' | 'also wall'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Required: a route without a kind cannot be registered. */
    kind?: RequestKind
    /** What `permitted` decides about; may throw a SeneschalError for a malformed target. */
    wants?: (request: FastifyRequest) => Wants
    /** That tokens of scripts may read this: those with `wall` alone only where it says so. None may elsewhere. */
    tokens?: TokensTaken
  }
}

export type Gate = {
  /** The viewer of a request that passed; throws `internal` where the gate did not run. */
  readonly viewer: (request: FastifyRequest) => Viewer
  /**
   * The same viewer as it is now, past the same checks as they are now: for what is done a while after the request
   * came. Throws what refuses it, and leaves it to the caller to record that.
   */
  readonly again: (request: FastifyRequest) => Promise<Viewer>
  /** The same checks for a raw HTTP upgrade that Fastify never sees (sockets under `/u/`). */
  readonly passUpgrade: (request: IncomingMessage, wants: Wants) => Promise<Viewer>
  /** The same session as it is now (groups, elevation); undefined once it ended. For sockets, which outlive a change. */
  readonly current: (viewer: Viewer) => Promise<Viewer | undefined>
}

/** What the daemons say is allowed. Without an account: the first configured daemon's. */
export type PolicyView = {
  readonly snapshot: (account?: string) => PermissionSnapshot | undefined
  /** Whether any daemon has said yet who may do what. */
  readonly known: () => boolean
  /** Whether the account's daemon confirmed it within the last 60 s. */
  readonly fresh: (account?: string) => boolean
  /** Refuses everything while there is no snapshot. */
  readonly decide: (question: Question) => Decision
  readonly onChange: (listener: () => void) => () => void
  /** How long raised privileges may last at the strictest of the sites, ms; undefined where none says. */
  readonly longestElevation: (of: ElevationClass) => number | undefined
}

/** What the site feed says. */
export type SiteView = {
  readonly accounts: () => readonly AccountRow[]
  readonly account: (account: string) => AccountRow | undefined
  readonly summaries: (account: string) => readonly SummaryRow[]
  readonly summary: (account: string, workflow: string) => SummaryRow | undefined
  readonly request: (id: string) => RequestRow | undefined
  readonly daemons: () => readonly DaemonRow[]
  /** Versions of an account's permissions, or of a workflow's own (null: the account's), the latest first. */
  readonly layers: (account: string, workflow: string | null) => readonly LayerRow[]
  /** `seq` counts changes since this hub started. */
  readonly onChange: (listener: (change: SiteChange) => void) => () => void
}
export type SiteChange = {
  readonly put: readonly {
    readonly kind: 'summary' | 'account' | 'request' | 'daemon'
    readonly key: string
    readonly row: unknown
  }[]
  readonly drop: readonly {
    readonly kind: 'summary' | 'account' | 'request' | 'daemon'
    readonly key: string
  }[]
}

/** The UI servers' life. */
export type Servers = {
  readonly row: (account: string) => ServerRow
  /** Starts the server or joins the start under way; resolves when it is on, rejects with the reason. */
  readonly ensure: (account: string, viewer: Viewer) => Promise<void>
  readonly stop: (account: string, viewer: Viewer) => Promise<void>
  /** Ends it, and starts it again where servers go now if somebody looks; `idle` ones start when somebody does. */
  readonly move: (account: string, viewer: Viewer) => Promise<void>
  /** The server's own last lines. */
  readonly log: (account: string) => Promise<readonly string[]>
  /** Of the accounts that had a server since this hub started. */
  readonly list: () => readonly ListedServer[]
  /** A fresh stream to a running server; `server.off` where it is not. Does not start it. */
  readonly dial: (account: string, signal?: AbortSignal) => Promise<Duplex>
  /** `account/instance`: the audience of assertions. */
  readonly audience: (account: string) => string
  /** Past events of the present start, then coming ones. */
  readonly onProgress: (account: string, listener: (event: ProgressEvent) => void) => () => void
  readonly onChange: (listener: (row: ServerRow) => void) => () => void
  /** Starts under way, and those that wait for their turn. */
  readonly queue: () => { readonly starting: number; readonly waiting: number }
  /** How many were left behind on a host that was not heard any more. */
  readonly leftOn: (host: string) => number
  /** A request of somebody to it succeeded: it is not idle. */
  readonly touch: (account: string) => void
  /** A request of somebody to it failed on the way: ask now whether it lives, or bring back one that was lost. */
  readonly suspect: (account: string) => void
  /** Somebody looks at it until the returned function is called: should it die meanwhile, it is revived. */
  readonly watch: (account: string) => () => void
  readonly close: () => Promise<void>
}

export type ListedServer = ServerRow & {
  readonly watched: boolean
  /** As it was found when it was last looked at, epoch ms. */
  readonly found: { readonly version: string; readonly memory: number | null; readonly at: number } | null
}

/** Records before the act: rejects with `audit.unwritable`, and then nothing may happen. */
export type Audit = {
  readonly record: (entry: AuditEntry) => Promise<AuditRecord>
  /** `WRITER=SEQ:HASH` of the last record that is on disk: others keep it, so that it cannot be taken back. */
  readonly head: () => string
  readonly onRecord: (listener: (record: AuditRecord) => void) => () => void
  /** Newest first, over the whole range; with a cursor where there are more. */
  readonly search: (query: AuditQuery) => AuditPage
  readonly health: () => AuditHealth
  readonly onHealth: (listener: (health: AuditHealth) => void) => () => void
}
export type AuditHealth = {
  /** False since a record could not be written, until there is room again: nobody can act. */
  readonly writable: boolean
}
export type AuditQuery = {
  readonly since?: number | undefined
  readonly until?: number | undefined
  readonly person?: string | undefined
  readonly account?: string | undefined
  readonly workflow?: string | undefined
  readonly event?: string | undefined
  readonly action?: string | undefined
  readonly outcome?: string | undefined
  /** Stands in the sentence, the reason or the request id. */
  readonly text?: string | undefined
  readonly cursor?: string | undefined
  readonly limit: number
  /** Only records for which this holds are returned: what the viewer may know of. */
  readonly visible: (about: Pick<AuditRecord, 'person' | 'account' | 'workflow'>) => boolean
}
export type AuditPage = { readonly records: readonly AuditRecord[]; readonly cursor: string | null }

/** Sockets of sessions, so that a change of privilege reaches them. */
export type LiveSockets = {
  /** Register an open socket; returns how to unregister it. `close` gets a code of protocol/frames closeCodes. */
  readonly add: (socket: LiveSocket) => () => void
  /** Close those for which the predicate holds; returns how many. */
  readonly close: (which: (socket: LiveSocket) => boolean, code: number) => number
  readonly count: () => number
  /** By account, who has something of it open: each once. */
  readonly viewers: () => ReadonlyMap<string, readonly string[]>
}
export type LiveSocket = {
  readonly session: string
  readonly person: string
  readonly account?: string | undefined
  readonly close: (code: number) => void
}

/** Signs what leaves the hub for UI servers and the daemon. */
export type Signer = {
  /** Of the viewer's groups those that an assertion for an account says; throws `groups.too-many`. */
  readonly groupsFor: (viewer: Pick<Viewer, 'groups'>, account: string) => readonly string[]
  /** `audience`: `account/instance`. */
  readonly assertion: (viewer: Viewer, audience: string) => Promise<string>
  readonly grant: (viewer: Viewer, request: GrantRequest) => Promise<string>
  /** To one daemon: which locks are in force. */
  readonly lockOrder: (order: LockOrderRequest) => Promise<string>
  /** A head of this hub's audit chain, for those who keep it elsewhere. */
  readonly checkpoint: (checkpoint: Checkpoint) => Promise<string>
  /** Public keys as a JWK set. */
  readonly jwks: () => { readonly keys: readonly Record<string, unknown>[] }
}
export type GrantRequest = {
  readonly id: string
  readonly ask: import('../protocol/requests.ts').Ask
  readonly reason?: string | undefined
  readonly policy: number
  readonly audit: string
}

export type LockOrderRequest = {
  readonly id: string
  readonly site: string
  readonly version: number
  readonly locks: readonly import('../protocol/locks.ts').Lock[]
}

export type { ElevationClass }
