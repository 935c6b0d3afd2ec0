/**
 * The request comes from the hub's own pages. What changes something and what opens a socket must say so in
 * `Origin`; what only reads may come without one, or by following a link, and so may what is public: there the
 * provider's own server calls, which no browser can look like.
 */
import { SeneschalError } from '../../../protocol/errors.ts'
import { PUBLIC } from '../../context.ts'
import { type Check, changesState } from '../visit.ts'

export const origin: Check = (visit, parts) => {
  // Without a cookie nothing is sent in somebody's name; where a browser speaks it was refused already.
  if (visit.viewer?.kind === 'token') return
  const { origin: from, 'sec-fetch-site': site, 'sec-fetch-mode': mode } = visit.headers
  const isReading = !changesState(visit) && !visit.upgrade
  const strict = !isReading && visit.kind !== PUBLIC
  if (strict ? from !== parts.origin : from !== undefined && from !== parts.origin)
    throw new SeneschalError('origin.foreign')
  const isLink = isReading && mode === 'navigate'
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && !isLink)
    throw new SeneschalError('origin.foreign')
}
