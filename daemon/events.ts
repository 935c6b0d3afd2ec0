/** What the journal holds: everything that ever changed the daemon's state, in order. Replaying it gives the state. */
import type { EngineEvent, JobEvent } from '../engine/types.ts'
import type { ActionName } from '../protocol/actions/registry.ts'
import type { CopyProgress } from '../protocol/copies.ts'
import { SeneschalError } from '../protocol/errors.ts'
import type { Lock } from '../protocol/locks.ts'
import type { MaintenanceWindow } from '../protocol/maintenance.ts'
import type { PluginIdentity } from '../protocol/plugins.ts'
import type { Ask, RequestState } from '../protocol/requests.ts'
import type { Work } from '../protocol/steps.ts'
import type { LayerVersion } from './layer-versions.ts'

/** A request as it was taken up: who, by which right, and what. Grants themselves are not kept. */
export type Accepted = {
  readonly id: string
  /** Owner of the file. With the id it names the request: what another uid calls the same is another one. */
  readonly uid: number
  readonly via: 'web' | 'cli'
  readonly ask: Ask & { readonly action: ActionName; readonly account: string }
  /** Of a user of the site's hosts who is no account: `ask.account` is that user's name, and there is no policy for it. */
  readonly stranger?: true
  /** null: the account's own request; no person is known. */
  readonly person: string | null
  readonly groups: readonly string[]
  readonly session: string | null
  /** Class raised to when it was granted, if the privileges had not ended by then. */
  readonly elevation: 'execute' | 'write' | null
  readonly reason: string | null
  /** Head of the hub's audit chain when it was granted, `WRITER=SEQ:HASH`; kept with the outcome. */
  readonly anchor?: string
  /** After this time it is not applied any more, epoch ms. */
  readonly notAfter: number
}

export type Outcome = {
  readonly state: Exclude<RequestState, 'waiting'>
  readonly code: string | null
  /** For the person who asked. */
  readonly reason: string | null
}

/** Engine events that can be stored as they are; a reload is stored as the definition's text. */
export type StoredEngineEvent = Exclude<EngineEvent, { kind: 'reload' }>

/** A plugin run is named by its request. */
type OfRun = { readonly uid: number; readonly id: string }

type InWorkflow = { readonly account: string; readonly workflow: string }

type Kinds = {
  /** First of all; `audit` = records that the chain had before this journal. */
  readonly genesis: { readonly audit: number }
  readonly daemon: { readonly what: 'started' | 'stopped' }
  /** The state came out of a backup that was made then; what was granted before counts no more. */
  readonly restored: { readonly made: number }
  /** Nothing new starts, or things start again. */
  readonly drain: { readonly on: boolean }
  readonly maintenance: {
    readonly what: 'announced' | 'began' | 'ended'
    readonly window: MaintenanceWindow
  }
  readonly account: {
    readonly account: string
    readonly title: string | null
    readonly problem: string | null
  }
  /** Taken up: it compiles and fits. `keepsLayer`: its own `permissions:` are not, those in force stay. */
  readonly definition: InWorkflow & {
    readonly text: string
    readonly keepsLayer?: true
    /** Who had it reloaded. */
    readonly by?: { readonly person: string | null; readonly request: string }
    /** With the first one: tells its jobs from those of a workflow that had its name before. */
    readonly incarnation?: string
  }
  /** Permissions of an account or a workflow, as its file says them now or as somebody asked for; null: none. */
  readonly layer: { readonly account: string; readonly workflow: string | null } & Omit<
    LayerVersion,
    'version' | 'at'
  >
  /** The one in force stays. null: what was wrong is right again. Asked for by `request`, or found. */
  readonly 'definition-problem': InWorkflow & { readonly problem: string | null; readonly request?: string }
  readonly 'workflow-removed': InWorkflow
  readonly engine: InWorkflow & { readonly event: StoredEngineEvent; readonly request?: string }
  /** Changes to the environment of coming jobs, of one task or of all; null takes a variable away. */
  readonly environment: InWorkflow & {
    readonly task?: string
    readonly change: Readonly<Record<string, string | null>>
    readonly request: string
  }
  /**
   * All locks of one origin: the issuer of a hub, or null for whoever runs the daemon. `version` is the hub's; `told`
   * says what changed.
   */
  readonly locks: {
    readonly origin: string | null
    readonly version: number
    readonly locks: readonly Lock[]
    readonly told: string
    readonly request?: string
  }
  /** A new permission snapshot; its digest tells whether the next one differs. */
  readonly permissions: { readonly version: number; readonly digest: string }
  readonly 'configuration-refused': { readonly reason: string }
  readonly accepted: { readonly request: Accepted }
  readonly done: { readonly uid: number; readonly id: string; readonly outcome: Outcome }
  /** Its files were read, checked and are what runs from now on. */
  readonly 'plugin-activated': { readonly plugin: PluginIdentity }
  /** A plugin is to decide about a request; `told` = its arguments as the audit log may have them. */
  readonly 'run-begun': OfRun & {
    readonly plugin: PluginIdentity
    readonly told: Readonly<Record<string, unknown>>
  }
  /** Allowed and planned: from now on it is carried out, whatever becomes of the plugin. */
  readonly 'run-planned': OfRun & { readonly plan: Work }
  /** Somebody wants it ended: what is under way is killed, and nothing more begins. */
  readonly 'run-stopped': OfRun & { readonly request: string }
  /** News of a job of a run. */
  readonly 'run-job': { readonly account: string; readonly event: JobEvent }
  /** An executor other than that of jobs is through with a leaf. */
  readonly 'run-leaf': OfRun & {
    readonly leaf: number
    readonly ok: boolean
    readonly note: string | null
  }
  /** How far a copy of a run is. */
  readonly 'run-progress': OfRun & { readonly progress: CopyProgress }
  readonly 'file-refused': {
    readonly uid: number | null
    readonly account: string | null
    readonly code: string
    readonly reason: string
    /** Which entry it was, by name and identity: a daemon killed before it took it away finds it again. */
    readonly entry?: string
  }
}

export type EventKind = keyof Kinds
export type DaemonEvent = {
  readonly [K in EventKind]: { readonly kind: K; readonly at: number } & Kinds[K]
}[EventKind]
export type EventOf<K extends EventKind> = Extract<DaemonEvent, { readonly kind: K }>

const kinds: Readonly<Record<EventKind, true>> = {
  genesis: true,
  daemon: true,
  restored: true,
  drain: true,
  maintenance: true,
  account: true,
  definition: true,
  layer: true,
  'definition-problem': true,
  'workflow-removed': true,
  engine: true,
  environment: true,
  locks: true,
  permissions: true,
  'configuration-refused': true,
  accepted: true,
  done: true,
  'plugin-activated': true,
  'run-begun': true,
  'run-planned': true,
  'run-stopped': true,
  'run-job': true,
  'run-leaf': true,
  'run-progress': true,
  'file-refused': true,
}

/** The journal is private to the daemon and checked line by line; what can go wrong is a newer daemon's event. */
export const parseEvent = (value: unknown): DaemonEvent => {
  if (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    Object.hasOwn(kinds, String(value.kind))
  )
    return value as DaemonEvent
  throw new SeneschalError('journal.corrupt', 'It holds an event that this version does not know.')
}
