/** Who it is: a signed-in person, or a kiosk. A token was looked at before. */
import { SeneschalError } from '../../../protocol/errors.ts'
import { kioskCookie, readCookie, sessionCookie } from '../../auth/cookies.ts'
import type { Session } from '../../auth/sessions.ts'
import type { Viewer } from '../../context.ts'
import type { Check, GateParts } from '../visit.ts'

/** Elevation is null from the millisecond on in which it ends. */
export const personViewer = async (session: Session, address: string, parts: GateParts): Promise<Viewer> => ({
  kind: 'person',
  session: session.name,
  person: session.person,
  name: session.displayName,
  groups: await parts.groups.of(session.person, await parts.providerGroups.of(session)),
  elevation: session.elevation !== null && session.elevation.until > parts.now() ? session.elevation : null,
  accounts: null,
  address,
})

export const session: Check = async (visit, parts) => {
  if (visit.viewer !== undefined) return
  const own = readCookie(visit.headers.cookie, sessionCookie)
  if (own.is === 'ambiguous') throw new SeneschalError('session.missing', 'The session cookie came twice.')
  const found = own.is === 'given' ? await parts.sessions.find(own.value) : undefined
  if (found !== undefined) {
    visit.session = found
    visit.viewer = await personViewer(found, visit.address, parts)
    return
  }
  const kiosk = readCookie(visit.headers.cookie, kioskCookie)
  const viewer = kiosk.is === 'given' ? await parts.kiosks.find(kiosk.value, visit.address) : undefined
  if (viewer === undefined) throw new SeneschalError(own.is === 'given' ? 'session.ended' : 'session.missing')
  visit.viewer = viewer
}
