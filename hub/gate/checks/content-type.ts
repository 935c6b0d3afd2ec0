/** Bodies are JSON: what a form of another site can send is not. */
import { SeneschalError } from '../../../protocol/errors.ts'
import { type Check, changesState } from '../visit.ts'

export const contentType: Check = (visit) => {
  if (!changesState(visit)) return
  const { 'content-type': type, 'content-length': length, 'transfer-encoding': encoding } = visit.headers
  const isEmpty = encoding === undefined && (length === undefined || length === '0')
  if (type === undefined && isEmpty) return
  if (type === undefined || !/^application\/json\s*(?:;|$)/i.test(type))
    throw new SeneschalError('csrf.invalid', 'Only application/json is taken.')
}
