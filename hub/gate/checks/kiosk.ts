/** A kiosk shows the wall and nothing else. */
import { SeneschalError } from '../../../protocol/errors.ts'
import type { Check } from '../visit.ts'

export const kiosk: Check = (visit) => {
  if (visit.viewer === undefined || visit.viewer.kind === 'kiosk') throw new SeneschalError('kiosk.wall-only')
}
