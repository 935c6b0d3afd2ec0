/** A script with a token: made by somebody signed in, used without anything that a browser has. */
import assert from 'node:assert/strict'
import type { z } from 'zod/mini'
import { tokenMade } from '../../protocol/script-tokens.ts'
import { type Answer, type Listening, listen, send } from './http.ts'
import type { TestHub } from './hub.ts'
import type { Visitor } from './visitor.ts'

export type Script = {
  readonly row: z.infer<typeof tokenMade>['row']
  readonly token: string
  readonly ask: (
    method: string,
    path: string,
    headers?: Readonly<Record<string, string>>,
    body?: string,
  ) => Promise<Answer>
  readonly socket: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Listening>
}

export const withToken = (h: TestHub, token: string): Pick<Script, 'ask' | 'socket'> => {
  const own = { host: 'hub.test', authorization: `Bearer ${token}` }
  return {
    ask: (method, path, headers = {}, body) => send(h.port, method, path, { ...own, ...headers }, body),
    socket: (path, headers = {}) => listen(`ws://127.0.0.1:${h.port}${path}`, { ...own, ...headers }),
  }
}

/** What is not said of the token: it views all that its person may. */
export const makeToken = async (h: TestHub, by: Visitor, over: object = {}): Promise<Script> => {
  const asked = { name: 'nightly report', scope: { reads: ['view'], on: null }, ...over }
  const answer = await by.change('POST', '/api/tokens', asked)
  assert.equal(answer.status, 201, answer.text)
  const made = tokenMade.parse(answer.body)
  return { ...made, ...withToken(h, made.token) }
}
