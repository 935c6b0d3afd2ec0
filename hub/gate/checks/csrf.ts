/** The page that sends a change knows the session's CSRF token, which only our own pages can read. */
import { SeneschalError } from '../../../protocol/errors.ts'
import { sameSecret } from '../../auth/secrets.ts'
import { type Check, changesState } from '../visit.ts'

export const csrf: Check = (visit) => {
  if (!changesState(visit)) return
  const given = visit.headers['x-csrf-token']
  const expected = visit.session?.csrf
  if (typeof given !== 'string' || expected === undefined || !sameSecret(given, expected))
    throw new SeneschalError('csrf.invalid')
}
