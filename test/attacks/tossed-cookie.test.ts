/** Row 12: a sibling domain that plants a cookie of the same name beside the real one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf } from '../harness/code-of.ts'
import { send } from '../harness/http.ts'
import { startTestHub } from '../harness/hub.ts'

test('two cookies of the name are believed neither, in whatever order they come', async (t) => {
  const h = await startTestHub(t)
  const mine = (await h.signIn('jacintar')).cookie('__Host-seneschal') ?? ''
  const theirs = (await h.signIn('mel')).cookie('__Host-seneschal') ?? ''
  for (const [first, second] of [
    [mine, theirs],
    [theirs, mine],
    [mine, mine],
    [mine, ''],
  ] as const) {
    const cookie = `__Host-seneschal=${first}; __Host-seneschal=${second}`
    const answer = await send(h.port, 'GET', '/api/session', { host: 'hub.test', cookie })
    assert.equal(answer.status, 401)
    assert.equal(codeOf(answer), 'session.missing')
  }
})

test('each cookie that the hub sets is bound to its own origin, to https and to HTTP', async (t) => {
  const h = await startTestHub(t)
  const browser = h.visitor()
  const login = await browser.ask('GET', '/auth/login')
  for (const line of login.headers['set-cookie'] ?? [])
    assert.match(line, /^__Host-[^;]+; Path=\/; Max-Age=\d+; HttpOnly; Secure; SameSite=Lax$/)
  assert.equal(login.headers['set-cookie']?.length, 1)
})
