/** Row 12: a sibling domain that plants a cookie of the same name beside the real one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browserCookie, kioskCookie, sessionCookie } from '../../hub/auth/cookies.ts'
import { callbackAt } from '../harness/callback.ts'
import { codeOf } from '../harness/code-of.ts'
import { send } from '../harness/http.ts'
import { startTestHub } from '../harness/hub.ts'
import type { Page } from '../harness/visitor.ts'

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

test('each cookie that the hub sets, on the whole way in and out, is bound to its own origin, to https and to HTTP', async (t) => {
  const h = await startTestHub(t, { config: { commandLine: { enabled: true } } })
  const browser = h.visitor()
  const lines: string[] = []
  const keep = (page: Page, count: number) => {
    const set = page.headers['set-cookie'] ?? []
    assert.equal(set.length, count, `${page.url.pathname} sets ${set.length}`)
    lines.push(...set)
  }
  const login = await browser.ask('GET', '/auth/login')
  keep(login, 1)
  keep(await browser.ask('GET', await callbackAt(browser, login.headers.location ?? '', 'jacintar')), 1)
  const raise = await browser.change('POST', '/auth/elevate', { class: 'execute' })
  const { location } = raise.body as { location: string }
  keep(await browser.ask('GET', await callbackAt(browser, location, 'jacintar')), 1)
  keep(await browser.change('DELETE', '/auth/elevation'), 1)
  keep(await browser.change('POST', '/auth/logout'), 1)
  for (const line of lines)
    assert.match(
      line,
      /^__Host-seneschal(?:-browser)?=[\w-]*; Path=\/; Max-Age=\d+; HttpOnly; Secure; SameSite=Lax$/,
    )
  assert.match(lines.at(-1) ?? '', /^__Host-seneschal=; Path=\/; Max-Age=0;/, 'signing out takes it away')
  for (const name of [sessionCookie, kioskCookie, browserCookie]) assert.match(name, /^__Host-/)
})

test('a cookie that only looks like ours is none', async (t) => {
  const h = await startTestHub(t)
  const value = (await h.signIn('jacintar')).cookie('__Host-seneschal') ?? ''
  for (const name of [
    'seneschal',
    '__host-seneschal',
    '__HOST-SENESCHAL',
    '__Secure-seneschal',
    '__Host-seneschal-',
  ])
    for (const cookie of [`${name}=${value}`, `a=b;${name}=${value}`, `${name} =${value}`]) {
      const answer = await send(h.port, 'GET', '/api/session', { host: 'hub.test', cookie })
      assert.equal(codeOf(answer), 'session.missing', cookie.slice(0, 40))
    }
})
