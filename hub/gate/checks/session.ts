/** Who it is: a signed-in person, or a kiosk. A token was looked at before. */
import { SeneschalError } from '../../../protocol/errors.ts'
import { kioskCookie, readCookie, sessionCookie } from '../../auth/cookies.ts'
import type { Session } from '../../auth/sessions.ts'
import type { Viewer } from '../../context.ts'
import type { Check, GateParts } from '../visit.ts'

/**
 * Undefined where it ended. Elevation is null from the millisecond on in which it ends, and where privileges changed
 * while the groups were asked: whoever came with the cookie of before has none.
 */
export const personNow = async (
  before: Session,
  address: string,
  parts: Pick<GateParts, 'sessions' | 'groups' | 'providerGroups' | 'now'>,
): Promise<{ readonly session: Session; readonly viewer: Viewer } | undefined> => {
  const groups = await parts.groups.of(before.person, await parts.providerGroups.of(before))
  const session = await parts.sessions.still(before)
  if (session === undefined) return undefined
  const { elevation } = session
  const isHeld = elevation !== null && elevation.until > parts.now() && session.csrf === before.csrf
  const viewer: Viewer = {
    kind: 'person',
    session: session.name,
    person: session.person,
    name: session.displayName,
    groups,
    elevation: isHeld ? elevation : null,
    accounts: null,
    address,
  }
  return { session, viewer }
}

export const session: Check = async (visit, parts) => {
  if (visit.viewer !== undefined) return
  const own = readCookie(visit.headers.cookie, sessionCookie)
  if (own.is === 'ambiguous') throw new SeneschalError('session.missing', 'The session cookie came twice.')
  const found = own.is === 'given' ? await parts.sessions.find(own.value) : undefined
  if (found !== undefined) {
    const person = await personNow(found, visit.address, parts)
    if (person === undefined) throw new SeneschalError('session.ended')
    Object.assign(visit, person)
    return
  }
  const kiosk = readCookie(visit.headers.cookie, kioskCookie)
  const viewer = kiosk.is === 'given' ? await parts.kiosks.find(kiosk.value, visit.address) : undefined
  if (viewer === undefined) throw new SeneschalError(own.is === 'given' ? 'session.ended' : 'session.missing')
  visit.viewer = viewer
}
