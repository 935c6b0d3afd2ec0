/** Gives a grant to the account's UI server, which puts it into the inbox. Once: a lost answer is not asked for again. */

import type { z } from 'zod/mini'
import { errorBody, type handOver } from '../../protocol/api.ts'
import { type ErrorCode, SeneschalError } from '../../protocol/errors.ts'
import type { Servers, Signer, Viewer } from '../context.ts'
import type { Upstream } from './upstream.ts'

export type HandOverParts = {
  readonly servers: Pick<Servers, 'audience' | 'touch'>
  readonly signer: Pick<Signer, 'assertion'>
  readonly upstream: Upstream
}

const answerMayTake = 15_000
/** Of a refusal, which is short, bytes. */
const refusalLimit = 64 * 1024

/**
 * What a UI server may refuse a grant with. Codes about the viewer's own session are the hub's alone: told that its CSRF
 * token is stale, a page asks once more, and the account would have a second grant for one click.
 */
const sayable = [
  'account.unknown',
  'action.unknown',
  'feed.unavailable',
  'grant.expired',
  'grant.invalid',
  'grant.wrong-account',
  'grant.wrong-request',
  'grant.wrong-site',
  'input.invalid',
  'input.too-large',
  'internal',
  'permission.denied',
  'permission.stale',
  'server.off',
  'token.invalid',
  'workflow.unknown',
] as const satisfies readonly ErrorCode[]

const refusal = (text: string): SeneschalError => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    return new SeneschalError('server.bad-answer', undefined, { cause })
  }
  const said = errorBody.safeParse(value).data?.error.code
  return new SeneschalError(sayable.find((code) => code === said) ?? 'server.bad-answer')
}

export const handOverGrant = async (
  parts: HandOverParts,
  viewer: Viewer,
  account: string,
  given: z.infer<typeof handOver>,
): Promise<void> => {
  const { servers, signer, upstream } = parts
  const audience = servers.audience(account)
  const timeout = AbortSignal.timeout(answerMayTake)
  try {
    const { statusCode, body } = await upstream.request({
      audience,
      method: 'POST',
      path: '/actions',
      headers: {
        authorization: `Bearer ${await signer.assertion(viewer, audience)}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(given),
      signal: timeout,
    })
    if (statusCode === 202) {
      await body.dump({ limit: refusalLimit, signal: timeout })
      servers.touch(account)
      return
    }
    let text = ''
    for await (const chunk of body.setEncoding('utf8')) {
      text += chunk
      if (text.length > refusalLimit) throw new SeneschalError('server.bad-answer')
    }
    throw refusal(text)
  } catch (thrown) {
    throw timeout.aborted ? new SeneschalError('server.timeout') : thrown
  }
}
