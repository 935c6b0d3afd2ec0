import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestBody } from '../../protocol/api.ts'
import { ApiError, createApi } from '../../web/state/api.ts'

type Sent = {
  readonly method: string
  readonly path: string
  readonly headers: Headers
  readonly body: unknown
}

const refusal = (status: number, code: string) =>
  Response.json({ error: { code, message: `it is ${code}`, request: 'r' } }, { status })

const create = (answers: readonly (() => Response)[]) => {
  const sent: Sent[] = []
  const ended: string[] = []
  let token = 'old'
  const api = createApi({
    fetch: async (path, init) => {
      sent.push({
        method: init?.method ?? 'GET',
        path: String(path),
        headers: new Headers(init?.headers),
        body: init?.body,
      })
      const answer = answers[sent.length - 1]
      if (answer === undefined) throw new TypeError('network is down')
      return answer()
    },
    csrf: () => token,
    refresh: async () => {
      token = 'new'
      return token
    },
    ended: (error) => ended.push(error.code),
  })
  return { api, sent, ended }
}
const ok = () => new Response(null, { status: 204 })

test('a change carries the CSRF token, reading does not', async () => {
  const { api, sent } = create([ok, () => Response.json({ state: 'done' })])
  await api.change('POST', '/auth/logout')
  await api.get('/api/requests/1', requestBody)
  assert.deepEqual(
    sent.map(({ headers }) => headers.get('x-csrf-token')),
    ['old', null],
  )
})

test('a stale CSRF token is fetched again once', async () => {
  const { api, sent } = create([() => refusal(403, 'csrf.invalid'), ok])
  await api.change('DELETE', '/auth/elevation')
  assert.deepEqual(
    sent.map(({ headers }) => headers.get('x-csrf-token')),
    ['old', 'new'],
  )
  const again = create([() => refusal(403, 'csrf.invalid'), () => refusal(403, 'csrf.invalid')])
  await assert.rejects(again.api.change('DELETE', '/auth/elevation'), { code: 'csrf.invalid' })
  assert.equal(again.sent.length, 2)
})

test('an ended session is told, a refusal is only thrown', async () => {
  const ended = create([() => refusal(401, 'session.ended')])
  await assert.rejects(ended.api.change('POST', '/x'), { code: 'session.ended' })
  assert.deepEqual(ended.ended, ['session.ended'])
  const refused = create([() => refusal(403, 'permission.denied')])
  await assert.rejects(
    refused.api.change('POST', '/x'),
    (thrown) => thrown instanceof ApiError && thrown.message === 'it is permission.denied',
  )
  assert.deepEqual(refused.ended, [])
})

test('an answer in another shape, no JSON at all, and no answer become codes', async () => {
  const strange = create([() => Response.json({ state: 'dancing' })])
  await assert.rejects(strange.api.get('/api/requests/1', requestBody), { code: 'internal' })
  const page = create([() => new Response('<h1>Bad gateway</h1>', { status: 502 })])
  await assert.rejects(page.api.get('/api/requests/1', requestBody), { code: 'internal', status: 502 })
  await assert.rejects(create([]).api.get('/api/requests/1', requestBody), { code: 'lost.connection' })
})
