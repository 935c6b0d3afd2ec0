/** The way in: the hub hands over a grant, and it becomes a file in the inbox. Only the hub calls this. */
import type { IncomingMessage } from 'node:http'
import { decodeJwt } from 'jose'
import { putRequest } from '../../durable/inbox.ts'
import { parseStrictJson } from '../../durable/strict-json.ts'
import { handOver } from '../../protocol/api.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { isPermissionAction } from '../../protocol/permissions.ts'
import { requestMaxBytes } from '../../protocol/requests.ts'
import type { Grant } from '../../protocol/tokens.ts'
import type { Verifier } from '../../wire/tokens.ts'
import type { Admission } from '../admission.ts'
import { sendJson, type Viewer } from '../exchange.ts'
import type { Permissions } from '../permissions.ts'
import type { Route } from '../router.ts'

export type ActionParts = {
  readonly account: string
  readonly inbox: string
  readonly temp: string
  readonly verifier: Pick<Verifier, 'verifyGrant'>
  readonly permissions: Permissions
  readonly admission: Pick<Admission, 'may'>
  /** Epoch ms. */
  readonly now: () => number
}

const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length
    if (size > requestMaxBytes) throw new SeneschalError('input.too-large')
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

export const actionRoutes = (parts: ActionParts): readonly Route[] => {
  const { account, verifier, permissions, admission, now } = parts

  /** The daemon checks all of it again and alone decides; what is plainly wrong need not get that far. */
  const check = async (token: string, id: string, { assertion }: Viewer): Promise<Grant> => {
    const grant = await verifier.verifyGrant(token, siteOf(token), now())
    if (grant.request.account !== account) throw new SeneschalError('grant.wrong-account')
    if (grant.jti !== id) throw new SeneschalError('grant.wrong-request')
    if (grant.sub !== assertion.sub || grant.session !== assertion.session)
      throw new SeneschalError('grant.invalid')
    return grant
  }

  const mustBeAllowed = (viewer: Viewer, { request }: Grant): void => {
    if (!permissions.fresh()) throw new SeneschalError('permission.stale')
    if (!isPermissionAction(request.action)) throw new SeneschalError('action.unknown')
    if (!admission.may(viewer, 'view', request.workflow))
      throw new SeneschalError(request.workflow === undefined ? 'account.unknown' : 'workflow.unknown')
    if (!admission.may(viewer, request.action, request.workflow))
      throw new SeneschalError('permission.denied')
  }

  return [
    {
      method: 'POST',
      path: 'actions',
      needs: 'each',
      handle: async ({ request, response, viewer }) => {
        const parsed = handOver.safeParse(parseStrictJson(await readBody(request)))
        if (!parsed.success) throw new SeneschalError('input.invalid', undefined, { cause: parsed.error })
        const { id, grant } = parsed.data
        mustBeAllowed(viewer, await check(grant, id, viewer))
        const body = { version: 1, id, grant }
        await putRequest({ temp: parts.temp, inbox: parts.inbox, id, body })
        sendJson(response, 202, { request: id })
      },
    },
  ]
}

/** Which site the grant is for is the daemon's to judge: this server knows its account, not the site's name. */
const siteOf = (token: string): string => {
  try {
    const { aud } = decodeJwt(token)
    if (typeof aud === 'string') return aud
  } catch (cause) {
    throw new SeneschalError('grant.invalid', undefined, { cause })
  }
  throw new SeneschalError('grant.invalid')
}
