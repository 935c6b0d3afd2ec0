/**
 * The hub's tables. Columns are text, bigint (epoch ms) and smallint (0 or 1) only, so that SQLite and
 * PostgreSQL agree. Secrets are stored as SHA-256 (hex): whoever reads the database can impersonate nobody.
 */
import type { LockKind } from '../../protocol/locks.ts'
import type { ElevationClass } from '../../protocol/permissions.ts'

export type SessionsTable = {
  /** Public name; stays the same for as long as somebody is signed in. */
  name: string
  /** Hash of the cookie; changes at each change of privilege. */
  id_hash: string
  person: string
  display_name: string
  issuer: string
  subject: string
  /** JSON list of `SOURCE/NAME`, as the provider said. */
  groups: string
  csrf: string
  created_at: number
  expires_at: number
  last_seen_at: number
  elevation_class: ElevationClass | null
  /** Stays after the end, so that a refusal can say that privileges ended. */
  elevation_until: number | null
  elevation_reason: string | null
  /** The provider's session at sign-in, and at the last raising of privileges: a logout of either ends this one. */
  provider_sid: string | null
  raised_sid: string | null
  /** The ID token as a hint for logout; it grants nothing. */
  id_token: string | null
  /** Sealed: what the provider is asked with whether it still knows the sign-in, and who is in which group. */
  provider_tokens: string | null
  /** When it last told the groups; null where it cannot be asked again. */
  told_at: number | null
  /** When a hub last began to ask. */
  asked_at: number | null
  /** Where it began, and what browser said it was: for its person, who looks for one that is not theirs. */
  address: string | null
  device: string | null
}

export type LoginAttemptsTable = {
  state_hash: string
  kind: 'sign-in' | 'elevation'
  /** Who may finish it: hash of the browser's cookie for a sign-in, name of the session for an elevation. */
  bound_to: string
  class: ElevationClass | null
  reason: string | null
  /** For how long privileges were asked, ms; null for as long as may be. */
  duration: number | null
  nonce: string
  verifier: string
  return_path: string
  created_at: number
}

export type LocksTable = {
  id: string
  kind: LockKind
  name: string
  reason: string
  set_by: string
  set_at: number
  ends_at: number | null
}

export type CondemnedHostsTable = {
  host: string
  reason: string
  set_by: string
  set_at: number
}

export type PersonsTable = {
  issuer: string
  subject: string
  person: string
  created_at: number
  /** As the provider last said, and when: for what comes without a session. */
  display_name: string | null
  groups: string | null
  groups_at: number | null
}

export type KiosksTable = {
  kiosk: string
  name: string
  /** JSON list, or null: all that everyone may view. */
  accounts: string | null
  /** Hash of the code that enrols one browser, once; null afterwards. */
  code_hash: string | null
  code_until: number | null
  /** Public JWK of the browser that enrolled. */
  key: string | null
  created_by: string
  created_at: number
  enrolled_at: number | null
  revoked_at: number | null
  /** Null only where a hub of the version before made it, which knew of no end. */
  expires_at: number | null
  last_seen_at: number | null
  /** That its end stands in the audit log. */
  end_told_at: number | null
}
export type KioskNoncesTable = { nonce_hash: string; kiosk: string; expires_at: number }
export type KioskSessionsTable = { id_hash: string; name: string; kiosk: string; expires_at: number }

export type ScriptTokensTable = {
  token: string
  token_hash: string
  name: string
  person: string
  /** JSON of protocol/script-tokens.ts. */
  scope: string
  /** JSON list of addresses and ranges, or null: from anywhere. */
  addresses: string | null
  created_at: number
  expires_at: number
  used_at: number | null
  used_from: string | null
  revoked_at: number | null
  revoked_by: string | null
  /** That its end stands in the audit log. */
  end_told_at: number | null
}

/** A door without the provider, as the sealed key signed it. */
export type BreakGlassTable = {
  id: string
  code_hash: string
  /** JSON of the order, and its Ed25519 signature, base64url: what stands in the row by itself is not believed. */
  order: string
  signature: string
  created_at: number
  /** That it stands in the audit log. */
  told_at: number | null
  used_at: number | null
  /** When the session that it gave is over. */
  ends_at: number | null
  closed_at: number | null
}
/** Tries with a wrong passphrase. */
export type BreakGlassTriesTable = {
  id: string
  at: number
  person: string
  /** Unix user who tried. */
  by: string
  told_at: number | null
}

/** Logout tokens that were used, until they would be too old anyway. */
export type LogoutTokensTable = { jti: string; expires_at: number }
export type MetaTable = { key: string; value: string }

export type ServersTable = {
  account: string
  state: 'starting' | 'on'
  instance: string
  host: string | null
  /** JSON of the spawner's handle; null while nothing was launched. */
  handle: string | null
  since: number
}

/** Runs that may go on where nobody can reach them, besides the account's present one. */
export type LeftServersTable = {
  account: string
  instance: string
  host: string
  /** JSON of the spawner's handle. */
  handle: string
  since: number
}

export type Tables = {
  sessions: SessionsTable
  login_attempts: LoginAttemptsTable
  persons: PersonsTable
  kiosks: KiosksTable
  kiosk_nonces: KioskNoncesTable
  kiosk_sessions: KioskSessionsTable
  logout_tokens: LogoutTokensTable
  script_tokens: ScriptTokensTable
  break_glass: BreakGlassTable
  break_glass_tries: BreakGlassTriesTable
  locks: LocksTable
  condemned_hosts: CondemnedHostsTable
  meta: MetaTable
  servers: ServersTable
  left_servers: LeftServersTable
}
