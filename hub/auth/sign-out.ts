/** The ends of sessions and of raised privileges. All of them take something away, so no failed record stops them. */
import type { AuditEntry } from '../../protocol/audit.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { closeCodes } from '../../protocol/frames.ts'
import type { AuthParts } from './parts.ts'
import type { Session } from './sessions.ts'

type Ending = Pick<AuthParts, 'audit' | 'live' | 'log'>

const note = (parts: Ending, entry: AuditEntry): Promise<void> =>
  parts.audit.record(entry).then(
    () => undefined,
    (err: unknown) => parts.log.error({ err, event: entry.event }, 'the end of a session was not recorded'),
  )

/** So many share one write to the disk; all at once would keep everybody else waiting. */
const together = 250

const noteAll = async (
  parts: Ending,
  sessions: readonly Session[],
  entry: Pick<AuditEntry, 'event'> & Partial<Pick<AuditEntry, 'address' | 'reason' | 'tail' | 'args'>>,
): Promise<void> => {
  for (let from = 0; from < sessions.length; from += together)
    await Promise.all(
      sessions
        .slice(from, from + together)
        .map(({ person, name }) => note(parts, { ...entry, outcome: 'done', person, session: name })),
    )
}

/** Closes the sockets of sessions that ended and records why. */
export const farewell = async (
  parts: Ending,
  ended: readonly Session[],
  entry: Pick<AuditEntry, 'event'> & Partial<Pick<AuditEntry, 'address' | 'tail' | 'args'>>,
): Promise<void> => {
  const names = new Set(ended.map(({ name }) => name))
  parts.live.close((socket) => names.has(socket.session), closeCodes.sessionEnded)
  await noteAll(parts, ended, entry)
}

/** Records that sessions are read-only again; their sockets stay open. */
export const noteFallBack: (
  parts: Ending,
  fallen: readonly Session[],
  entry: Pick<AuditEntry, 'event'> & { readonly address?: string; readonly reason?: string },
) => Promise<void> = noteAll

/** A logout that the provider tells of. Throws `auth.logout-token-invalid`. */
export const backChannelLogout = async (
  parts: Pick<AuthParts, 'db' | 'oidc' | 'sessions' | 'audit' | 'live' | 'log'>,
  token: string,
  address: string,
): Promise<void> => {
  const { db, sessions } = parts
  const { issuer, sid, subject, jti, expiresAt } = await parts.oidc.verifyLogout(token)
  const key = `${issuer} ${jti}`
  const used = await db.selectFrom('logout_tokens').select('jti').where('jti', '=', key).executeTakeFirst()
  if (used !== undefined) throw new SeneschalError('auth.logout-token-invalid', 'It was used before.')
  // Ended first and remembered then: a crash between the two leaves a logout that can be sent again.
  const ended =
    sid !== undefined
      ? await sessions.end({ issuer, sid })
      : subject !== undefined
        ? await sessions.end({ issuer, subject })
        : []
  await db
    .insertInto('logout_tokens')
    .values({ jti: key, expires_at: expiresAt })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  await farewell(parts, ended, { event: 'session.ended', address, tail: 'by the identity provider' })
}
