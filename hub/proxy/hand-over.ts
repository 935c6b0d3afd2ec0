/** Gives a grant to the account's UI server, which puts it into the inbox. Once: a lost answer is not asked for again. */

import type { z } from 'zod/mini'
import { errorBody, type handOver } from '../../protocol/api.ts'
import { isErrorCode, SeneschalError } from '../../protocol/errors.ts'
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

/** What a UI server says about itself is believed only as far as it is one of our codes. */
const refusal = (text: string): SeneschalError => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    return new SeneschalError('server.bad-answer', undefined, { cause })
  }
  const code = errorBody.safeParse(value).data?.error.code
  return new SeneschalError(isErrorCode(code) ? code : 'server.bad-answer')
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
