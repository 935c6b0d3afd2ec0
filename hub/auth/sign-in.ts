/** Signing in: from the provider's answer to a session. */
import { milliseconds } from '../../config/schemas.ts'
import { asSeneschalError, SeneschalError } from '../../protocol/errors.ts'
import { closeCodes } from '../../protocol/frames.ts'
import { keptOut } from '../gate/checks/admitted.ts'
import { claimedName, displayNameFrom, groupsFrom, nameFrom } from './claims.ts'
import type { Identity } from './identity.ts'
import type { AuthParts } from './parts.ts'
import type { Session } from './sessions.ts'

export type SignedIn = { readonly session: Session; readonly cookie: string }

/** `before`: the session that this browser had; it is over, whoever's it was. */
export const finishSignIn = async (
  parts: AuthParts,
  identity: Identity,
  before: Session | undefined,
  address: string,
  kind: { readonly maxAge: number; readonly tail?: string; readonly device?: string | null } = {
    maxAge: milliseconds(parts.config.session.maxAge),
  },
): Promise<SignedIn> => {
  const { config, sessions, audit, live, now } = parts
  const { provider } = config
  const person = await parts.persons.bind(
    identity.issuer,
    identity.subject,
    nameFrom(identity.claims, provider.personClaim),
  )
  const code = keptOut({ kind: 'person', person }, parts)
  if (code !== undefined) throw new SeneschalError(code)
  const groups = groupsFrom(identity.claims[provider.groupsClaim])
  const tail = kind.tail === undefined ? {} : { tail: kind.tail }
  await audit.record({ event: 'session.signed-in', outcome: 'done', person, address, ...tail })
  const made = await sessions.create({
    person,
    displayName: displayNameFrom(identity.claims[provider.nameClaim], person),
    issuer: identity.issuer,
    subject: identity.subject,
    groups,
    expiresAt: now() + kind.maxAge,
    idToken: identity.idToken,
    providerSid: identity.sid,
    tokens: identity.tokens,
    from: { address, device: kind.device?.slice(0, 200) ?? null },
  })
  if (before !== undefined) {
    await sessions.end({ name: before.name })
    live.close((socket) => socket.session === before.name, closeCodes.sessionReplaced)
  }
  return made
}

/** Records that somebody was not let in; the refusal stands whether or not that succeeds. */
export const recordRefusal = async (
  parts: Pick<AuthParts, 'audit' | 'log' | 'config'>,
  thrown: unknown,
  address: string,
  identity: Identity | undefined,
): Promise<void> => {
  const error = asSeneschalError(thrown)
  await parts.audit
    .record({
      event: 'session.refused',
      outcome: 'refused',
      code: error.code,
      reason: error.detail?.slice(0, 1000) ?? null,
      person: claimedName(identity?.claims[parts.config.provider.personClaim]),
      address,
    })
    .catch((err: unknown) => parts.log.error({ err, code: error.code }, 'refused sign-in not recorded'))
}
