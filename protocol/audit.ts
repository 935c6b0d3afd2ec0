/** Audit records, their sentence, and the catalogue of events. */
import { z } from 'zod/mini'
import { type ActionName, actions, isActionName, levelOf } from './actions/registry.ts'
import { dottedId } from './ids.ts'
import { wayOf } from './script-tokens.ts'

/** Every event that is recorded, with what it means. Past-tense `text` stands after the person in the sentence. */
export const auditEvents = {
  'session.signed-in': {
    writer: 'hub',
    text: 'signed in',
    means: 'A person signed in with the identity provider.',
  },
  'session.refused': { writer: 'hub', text: 'was refused sign-in', means: 'A sign-in did not succeed.' },
  'session.signed-out': { writer: 'hub', text: 'signed out', means: 'A session was ended by its person.' },
  'session.ended': {
    writer: 'hub',
    text: 'was signed out',
    means: 'A session ended by the provider or an administrator.',
  },
  'elevation.raised': {
    writer: 'hub',
    text: 'raised privileges',
    means: 'Privileges were raised after re-authentication.',
  },
  'elevation.refused': {
    writer: 'hub',
    text: 'was refused raised privileges',
    means: 'A re-authentication was not good enough.',
  },
  'elevation.dropped': {
    writer: 'hub',
    text: 'dropped raised privileges',
    means: 'Privileges were given up before their end.',
  },
  'elevation.ended': {
    writer: 'hub',
    text: 'fell back to read-only',
    means: 'The fixed time of raised privileges ended.',
  },
  'action.intended': {
    writer: 'hub',
    text: 'asked',
    means: 'The hub allowed an action and signed its grant.',
  },
  'action.not-sent': {
    writer: 'hub',
    text: 'was not able',
    means: 'The hub allowed an action, but could not hand it over.',
  },
  'action.refused': { writer: 'hub', text: 'was refused', means: 'The gate refused an action.' },
  'action.done': { writer: 'daemon', text: '', means: 'The daemon applied a request: the outcome.' },
  'action.not-done': {
    writer: 'daemon',
    text: 'was refused',
    means: 'The daemon refused a request, or it failed or came too late.',
  },
  'request.file-refused': {
    writer: 'daemon',
    text: 'put a file into the inbox that was refused',
    means: 'An inbox entry was not acceptable.',
  },
  'server.intended': {
    writer: 'hub',
    text: 'asked to open',
    means: 'A UI server was about to be started for an account; without this record it is not.',
  },
  'server.spawned': { writer: 'hub', text: 'opened', means: 'A UI server was started for an account.' },
  'server.stop-intended': {
    writer: 'hub',
    text: 'asked to stop the server of',
    means: 'An administrator was about to stop a UI server; without this record it is not stopped.',
  },
  'server.stopped': { writer: 'hub', text: 'stopped the server of', means: 'A UI server was stopped.' },
  'server.ended': {
    writer: 'hub',
    text: 'lost its server',
    means: 'A UI server ended without being stopped: nobody looked at it, or it failed.',
  },
  'server.failed': { writer: 'hub', text: 'could not open', means: 'A UI server could not be started.' },
  'log.opened': { writer: 'hub', text: 'opened a log of', means: 'A job log was read through the hub.' },
  'log.searched': {
    writer: 'hub',
    text: 'searched the logs of',
    means: 'Job logs were searched through the hub.',
  },
  'kiosk.created': {
    writer: 'hub',
    text: 'created a kiosk',
    means: 'An administrator created a kiosk credential.',
  },
  'kiosk.enrolled': {
    writer: 'hub',
    text: 'enrolled a kiosk',
    means: 'A browser bound itself to a kiosk credential.',
  },
  'kiosk.revoked': {
    writer: 'hub',
    text: 'revoked a kiosk',
    means: 'An administrator revoked a kiosk credential.',
  },
  'kiosk.expired': {
    writer: 'hub',
    text: 'ended with its time',
    means: 'The time of a kiosk credential was over.',
  },
  'kiosk.renamed': { writer: 'hub', text: 'renamed a kiosk', means: 'An administrator renamed a kiosk.' },
  'token.created': {
    writer: 'hub',
    text: 'created a token',
    means: 'Somebody made a token with which a script reads.',
  },
  'token.used': {
    writer: 'hub',
    text: 'used a token',
    means: 'The first use of a token on a day from an address.',
  },
  'token.refused': {
    writer: 'hub',
    text: 'was refused a token',
    means: 'A token was used beside a cookie, from a page or from an address that it is not bound to.',
  },
  'token.revoked': {
    writer: 'hub',
    text: 'revoked a token',
    means: 'A token was revoked by its person or by an administrator.',
  },
  'token.expired': { writer: 'hub', text: 'had a token that ended', means: 'The time of a token was over.' },
  'break-glass.opened': {
    writer: 'hub',
    text: 'can come in without the identity provider',
    means: 'Somebody on the host of the hub opened the sealed key for a person.',
  },
  'break-glass.refused': {
    writer: 'hub',
    text: 'was refused the sealed key',
    means: 'A wrong passphrase for the sealed key, or a code that was used, old, changed or of another hub.',
  },
  'break-glass.used': {
    writer: 'hub',
    text: 'came in without the identity provider',
    means: 'The code was used: one browser has a session, which all of its records name.',
  },
  'break-glass.closed': {
    writer: 'hub',
    text: 'is out again',
    means: 'A session that began with the sealed key ended.',
  },
  'host.condemned': {
    writer: 'hub',
    text: 'condemned',
    means: 'An administrator took a host out of service: it takes no new UI servers.',
  },
  'host.restored': {
    writer: 'hub',
    text: 'restored',
    means: 'An administrator let a condemned host take UI servers again.',
  },
  'host.migrated': {
    writer: 'hub',
    text: 'moved',
    means: 'An administrator moved UI servers away from a condemned host.',
  },
  'lock.set': { writer: 'hub', text: 'locked', means: 'An administrator set a lock.' },
  'lock.lifted': { writer: 'hub', text: 'unlocked', means: 'An administrator lifted a lock.' },
  'explain.asked': {
    writer: 'hub',
    text: 'asked what is allowed',
    means: 'Somebody asked about the rights of another person.',
  },
  'permissions.changed': {
    writer: 'daemon',
    text: 'changed permissions',
    means: 'A new permission snapshot took effect.',
  },
  'configuration.refused': {
    writer: 'daemon',
    text: 'was given a configuration that was refused',
    means: 'A changed file was not valid; the running one stays.',
  },
  'daemon.started': { writer: 'daemon', text: 'started', means: 'The daemon started.' },
  'daemon.stopped': { writer: 'daemon', text: 'stopped', means: 'The daemon stopped in order.' },
  'daemon.restored': {
    writer: 'daemon',
    text: 'was restored',
    means: 'Its state came out of a backup; grants of before are void, and all workflows are paused.',
  },
  'daemon.drained': {
    writer: 'daemon',
    text: 'starts nothing new',
    means: 'Whoever runs the daemon drained it: what runs ends, nothing new starts.',
  },
  'daemon.resumed': { writer: 'daemon', text: 'starts things again', means: 'A drain ended.' },
  'locks.changed': {
    writer: 'daemon',
    text: 'took up locks:',
    means:
      'The daemon knows other locks than before: of a hub, whose issuer stands in `origin`, or of whoever runs it.',
  },
  'maintenance.announced': {
    writer: 'daemon',
    text: 'announced maintenance',
    means: 'A maintenance window was added.',
  },
  'maintenance.began': {
    writer: 'daemon',
    text: 'began maintenance',
    means: 'A maintenance window began: nothing new starts in it.',
  },
  'maintenance.ended': {
    writer: 'daemon',
    text: 'ended maintenance',
    means: 'A maintenance window is over, or was taken back.',
  },
  'plugin.activated': {
    writer: 'daemon',
    text: 'activated a plugin',
    means: 'A daemon that started activated this version of a plugin; the digest says which files.',
  },
  'hub.started': { writer: 'hub', text: 'started', means: 'A hub started.' },
  'hub.restored': {
    writer: 'hub',
    text: 'was restored',
    means: 'Its database came out of a backup: everybody was signed out.',
  },
  'hub.stopped': { writer: 'hub', text: 'stopped', means: 'A hub stopped in order.' },
} as const satisfies Record<
  string,
  { readonly writer: 'hub' | 'daemon'; readonly text: string; readonly means: string }
>

export type AuditEvent = keyof typeof auditEvents
const eventNames = Object.keys(auditEvents) as [AuditEvent, ...AuditEvent[]]

const text = (max: number) => z.nullable(z.string().check(z.maxLength(max)))

/** What is still recorded when the disk is full, from a reserve: it makes less happen, never more. */
export const servedByReserve: ReadonlySet<string> = new Set<ActionName>(['stop', 'hold', 'kill', 'pause'])

export const auditOutcomes = ['allowed', 'done', 'refused', 'failed', 'stale'] as const

/** The longest text in each field that may hold what somebody else wrote; writers cut there. */
export const auditLimits = {
  code: 64,
  person: 64,
  session: 64,
  address: 64,
  account: 32,
  workflow: 64,
  task: 64,
  cycle: 32,
  action: 32,
  reason: 1000,
  request: 64,
  sentence: 2000,
  anchor: 160,
} as const

/** `WRITER=SEQ:HASH`: the head of a chain that somebody else keeps. */
export const auditAnchor = /^((?:hub|daemon)\/[A-Za-z0-9_.-]{1,64})=(0|[1-9][0-9]{0,15}):([0-9a-f]{64})$/

/** One record. Fields that do not apply are null, so that every record has the same keys in the same order. */
export const auditRecord = z.readonly(
  z.strictObject({
    /** ISO 8601 UTC with milliseconds. */
    time: z.string(),
    /** `hub/NAME` or `daemon/NAME`: one chain each. */
    writer: z.string(),
    /** Without gaps within a writer. */
    seq: z.number(),
    event: z.enum(eventNames),
    /** Stable error code where it was refused or failed. */
    code: text(auditLimits.code),
    person: text(auditLimits.person),
    /** Public name of the session. */
    session: text(auditLimits.session),
    address: text(auditLimits.address),
    account: text(auditLimits.account),
    workflow: text(auditLimits.workflow),
    task: text(auditLimits.task),
    cycle: text(auditLimits.cycle),
    action: text(auditLimits.action),
    /** Arguments as their action's audit rules leave them. */
    args: z.nullable(z.record(z.string(), z.unknown())),
    outcome: z.enum(auditOutcomes),
    reason: text(auditLimits.reason),
    /** Request id: the thread from click to outcome. */
    request: text(auditLimits.request),
    /** The whole as a sentence for people. */
    sentence: z.string().check(z.maxLength(auditLimits.sentence)),
    /** The latest head of another writer's chain that was known here: neither can be rewritten without the other. */
    anchor: z.optional(text(auditLimits.anchor)),
    /** SHA-256 (hex) over the previous record's hash and this record without `hash`. */
    hash: z.string(),
  }),
)
export type AuditRecord = z.infer<typeof auditRecord>

/** What a caller says; the writer adds time, writer, seq, sentence and hash. Left-out fields become null. */
export type AuditEntry = Pick<AuditRecord, 'event' | 'outcome'> &
  Partial<Omit<AuditRecord, 'event' | 'outcome' | 'time' | 'writer' | 'seq' | 'sentence' | 'hash'>> & {
    /** Ends the sentence of events that are not actions: `to execute`, `until 12:00`. */
    readonly tail?: string
  }

/** Control, format (bidirectional) and line-separator characters as visible escapes: one record is one line. */
export const visible = (value: string): string =>
  value.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)

/**
 * `User jacintar stopped atmosphere_stage.clouds.climb.1234 task`, or, for what was not done,
 * `User mel was refused to stop atmosphere_stage.clouds workflow`.
 */
export const auditSentence = (entry: AuditEntry): string => {
  const who =
    entry.person != null
      ? `User ${entry.person}`
      : entry.account != null
        ? `Account ${entry.account}`
        : 'The site'
  const known = auditEvents[entry.event]
  const target =
    entry.account == null
      ? undefined
      : dottedId({
          account: entry.account,
          workflow: entry.workflow ?? undefined,
          cycle: entry.cycle ?? undefined,
          task: entry.task ?? undefined,
        })
  const level = levelOf({ workflow: entry.workflow ?? undefined, task: entry.task ?? undefined })
  const words: (string | undefined)[] = [who]
  if (entry.action != null && entry.event.startsWith('action.')) {
    const verb =
      entry.event === 'action.done' && isActionName(entry.action) ? actions[entry.action].sentence : undefined
    words.push(verb ?? `${known.text} to ${entry.action}`, target, target === undefined ? undefined : level)
  } else {
    words.push(known.text, entry.person != null ? target : undefined)
  }
  words.push(entry.tail, entry.code != null && entry.outcome !== 'done' ? `(${entry.code})` : undefined)
  // The name of the session stands in the signed grant, so no server on the way takes the mark away.
  words.push(wayOf(entry.session))
  return visible(words.filter((word) => word !== undefined && word !== '').join(' ')).slice(
    0,
    auditLimits.sentence,
  )
}
