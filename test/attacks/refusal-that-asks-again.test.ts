/**
 * A UI server that was handed a grant answers as the hub does where a page should ask once more, sign in again or raise
 * its privileges: it would have a second grant for one click.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf } from '../harness/code-of.ts'
import { startServing } from '../harness/serving.ts'

const lies = [
  'csrf.invalid',
  'session.ended',
  'session.missing',
  'elevation.required',
  'elevation.ended',
  'origin.foreign',
  'rate.limited',
  'auth.not-mapped',
  'audit.unwritable',
  'constructor',
  '__proto__',
]

test('what a UI server says about the session of a viewer is taken for a wrong answer', async (t) => {
  let said = ''
  let status = 403
  const grants: string[] = []
  const hub = await startServing(t, {
    answer: async (request, response) => {
      let body = ''
      for await (const piece of request) body += piece
      grants.push(body)
      const answer = { error: { code: said, message: 'Once more, please.', request: 'x' } }
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    },
  })
  await hub.open('atmosphere_stage')
  const raised = await hub.raise(await hub.signIn('jacintar'), 'execute')
  const hold = () =>
    raised.send('POST', '/api/accounts/atmosphere_stage/actions/hold', { workflow: 'clouds', args: {} })
  for (const code of lies)
    for (const each of [401, 403]) {
      said = code
      status = each
      const before = grants.length
      const answer = await hold()
      assert.equal(answer.status, 502, `${code} with ${each}`)
      assert.equal(codeOf(answer), 'server.bad-answer', code)
      assert.ok(!answer.text.includes('Once more'), code)
      assert.equal(grants.length, before + 1, 'one click, one grant')
    }
  said = 'permission.stale'
  assert.equal(codeOf(await hold()), 'permission.stale', 'what it may refuse with passes')
})

test('redirects, orders and cookies in the answer to a grant reach nobody', async (t) => {
  let asked = 0
  const hub = await startServing(t, {
    answer: (request, response) => {
      asked += 1
      request.resume()
      const orders = { location: '/actions', 'set-cookie': 'a=b', refresh: '0', 'www-authenticate': 'Basic' }
      response.writeHead([307, 308, 401, 200, 204][asked - 1] ?? 202, orders).end()
    },
  })
  await hub.open('atmosphere_stage')
  const raised = await hub.raise(await hub.signIn('jacintar'), 'execute')
  for (let count = 1; count <= 6; count += 1) {
    const answer = await raised.send('POST', '/api/accounts/atmosphere_stage/actions/hold', {
      workflow: 'clouds',
      args: {},
    })
    assert.equal(answer.status, count === 6 ? 202 : 502)
    assert.equal(asked, count, 'no redirect was followed')
    for (const order of ['location', 'set-cookie', 'refresh', 'www-authenticate'])
      assert.equal(answer.headers[order], undefined, order)
  }
})
