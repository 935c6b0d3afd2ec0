/** Raising privileges: accepted only from the same person, who was really asked for credentials just now. */
import { milliseconds } from '../../config/schemas.ts'
import { asSeneschalError, SeneschalError } from '../../protocol/errors.ts'
import type { ElevationClass } from '../../protocol/permissions.ts'
import { keptOut } from '../gate/checks/admitted.ts'
import { groupsFrom, mustBeFresh } from './claims.ts'
import type { Identity } from './identity.ts'
import type { AuthParts } from './parts.ts'
import type { Session } from './sessions.ts'

/** What was asked for, and how long the person took, ms, as this hub measured it. */
export type Raising = {
  readonly class: ElevationClass | null
  readonly reason: string | null
  readonly elapsed: number
}

/** The reason as it is recorded; throws where the site asks for one and there is none. */
export const checkedReason = (parts: Pick<AuthParts, 'config'>, given: string | undefined): string | null => {
  const reason = given?.trim() || null
  if (parts.config.elevation.reasonRequired && reason === null)
    throw new SeneschalError('input.invalid', 'This site asks for a reason.')
  return reason
}

/** Starts a re-authentication; resolves to the provider's page. */
export const startElevation = async (
  parts: AuthParts,
  session: string,
  asked: { readonly class: ElevationClass; readonly reason: string | undefined; readonly returnPath: string },
): Promise<string> => {
  const reason = checkedReason(parts, asked.reason)
  const attempt = await parts.attempts.start({
    kind: 'elevation',
    bound_to: session,
    class: asked.class,
    reason,
    return_path: asked.returnPath,
  })
  return parts.oidc.authorizationUrl(attempt, true)
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
  mustBeFresh(identity, attempt.elapsed, config.provider.acrValues)
  const code = keptOut({ kind: 'person', person: session.person }, parts)
  if (code !== undefined) throw new SeneschalError(code)
  const raised = attempt.class ?? 'execute'
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
    until: Math.min(now() + milliseconds(config.elevation.duration), session.expiresAt),
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
