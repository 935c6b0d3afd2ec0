/** Raising privileges: accepted only from the same person, who was really asked for credentials just now. */
import { asSeneschalError, SeneschalError } from '../../protocol/errors.ts'
import type { ElevationClass } from '../../protocol/permissions.ts'
import { keptOut } from '../gate/checks/admitted.ts'
import { groupsFrom, mustBeFresh } from './claims.ts'
import { checkedReason, elevationTerms } from './elevation-terms.ts'
import type { Identity } from './identity.ts'
import type { AuthParts } from './parts.ts'
import type { Session } from './sessions.ts'

/** What was asked for, and how long the person took, ms, as this hub measured it. */
export type Raising = {
  readonly class: ElevationClass | null
  readonly reason: string | null
  /** For how long it was asked, ms; null for as long as may be. */
  readonly duration: number | null
  readonly elapsed: number
}

/** Starts a re-authentication; resolves to the provider's page. */
export const startElevation = async (
  parts: AuthParts,
  session: string,
  asked: {
    readonly class: ElevationClass
    readonly reason: string | undefined
    readonly duration: number | null
    readonly returnPath: string
  },
): Promise<string> => {
  const terms = elevationTerms(parts, asked.class)
  const reason = checkedReason(terms, asked.reason)
  const attempt = await parts.attempts.start({
    kind: 'elevation',
    bound_to: session,
    class: asked.class,
    reason,
    duration: asked.duration,
    return_path: asked.returnPath,
  })
  return parts.oidc.authorizationUrl(attempt, { acrValues: terms.acrValues })
}

/** Resolves to the new cookie; until then, and after a refusal, the session stays as it was. */
export const finishElevation = async (
  parts: AuthParts,
  attempt: Raising,
  identity: Identity,
  session: Session,
  address: string,
): Promise<string> => {
  const { config, sessions, audit, now } = parts
  if (identity.issuer !== session.issuer || identity.subject !== session.subject)
    throw new SeneschalError('auth.subject-changed')
  const raised = attempt.class ?? 'execute'
  const terms = elevationTerms(parts, raised)
  mustBeFresh(identity, attempt.elapsed, terms.acrValues)
  const code = keptOut({ kind: 'person', person: session.person }, parts)
  if (code !== undefined) throw new SeneschalError(code)
  const groups = groupsFrom(identity.claims[config.provider.groupsClaim])
  await audit.record({
    event: 'elevation.raised',
    outcome: 'done',
    person: session.person,
    session: session.name,
    address,
    reason: attempt.reason,
    tail: `to ${raised}`,
  })
  const cookie = await sessions.raise(session.name, {
    class: raised,
    until: Math.min(now() + Math.min(attempt.duration ?? terms.longest, terms.longest), session.expiresAt),
    reason: attempt.reason,
    groups,
    providerSid: identity.sid,
    idToken: identity.idToken,
    tokens: identity.tokens,
  })
  if (cookie === undefined) throw new SeneschalError('session.ended')
  return cookie
}

/** Records that privileges were not raised; the refusal stands whether or not that succeeds. */
export const recordNotRaised = async (
  parts: Pick<AuthParts, 'audit' | 'log'>,
  thrown: unknown,
  session: Session,
  attempt: Pick<Raising, 'class' | 'reason'>,
  address: string,
): Promise<void> => {
  const error = asSeneschalError(thrown)
  await parts.audit
    .record({
      event: 'elevation.refused',
      outcome: 'refused',
      code: error.code,
      reason: attempt.reason,
      person: session.person,
      session: session.name,
      address,
      tail: `to ${attempt.class ?? 'execute'}`,
    })
    .catch((err: unknown) => parts.log.error({ err, code: error.code }, 'refused elevation not recorded'))
}
