import { join } from 'node:path'
import { putRequest } from '../../durable/inbox.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { orderFile } from '../../protocol/requests.ts'
import { parseInputAs } from './input.ts'
import type { Verb } from './verb.ts'

/** A hub's signed order into the inbox of the site that the forced command names: an order, and no other request. */
export const order: Verb = async (context) => {
  const body = parseInputAs(orderFile, context.input)
  if (context.site === undefined)
    throw new SeneschalError('agent.failed', 'The forced command names no site directory (--site DIR).')
  const requests = join(context.site, 'requests')
  await putRequest({ temp: join(requests, '0_temp'), inbox: join(requests, '1_inbox'), id: body.id, body })
  context.answer({ filed: true })
}
