/** Row 2: a callback without state, with a used one, with somebody else's, or too late. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf } from '../harness/code-of.ts'
import { startTestHub } from '../harness/hub.ts'
import type { Page, Visitor } from '../harness/visitor.ts'

/** Signs in up to the moment in which the provider sends the browser back, and says where to. */
const callbackOf = async (browser: Visitor): Promise<string> => {
  let callback = ''
  const form = await browser.open('/auth/login')
  const [, action = ''] = /action="([^"]*)"/.exec(form.text) ?? []
  let page: Page = await browser.ask('POST', new URL(action, form.url), {
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin: form.url.origin },
    body: 'name=jacintar&password=jacintar',
  })
  while (callback === '') {
    const next = new URL(page.headers.location ?? '', page.url)
    if (next.pathname === '/auth/callback') callback = next.href
    else page = await browser.ask('GET', next)
  }
  return callback
}

test('a callback without a state, or with one that nobody was given, signs nobody in', async (t) => {
  const h = await startTestHub(t)
  const browser = h.visitor()
  const unknown = 'A'.repeat(43)
  for (const query of ['', '?code=x', '?code=x&state=', `?code=x&state=${unknown}`, '?state=a&state=b'])
    assert.equal(codeOf(await browser.ask('GET', `/auth/callback${query}`)), 'auth.state-invalid')
  assert.equal(browser.cookie('__Host-seneschal'), undefined)
  assert.equal((await h.audited('session.refused')).length, 5)
})

test('a callback is good once', async (t) => {
  const h = await startTestHub(t)
  const browser = h.visitor()
  const callback = await callbackOf(browser)
  assert.equal((await browser.ask('GET', callback)).status, 303)
  const cookie = browser.cookie('__Host-seneschal')
  assert.equal(codeOf(await browser.ask('GET', callback)), 'auth.state-invalid')
  assert.equal(browser.cookie('__Host-seneschal'), cookie, 'the session that was made stays')
})

test('a callback that another browser started signs this one in as nobody, and is used up', async (t) => {
  const h = await startTestHub(t)
  const attacker = h.visitor()
  const victim = h.visitor()
  const callback = await callbackOf(attacker)
  assert.equal(codeOf(await victim.ask('GET', callback)), 'auth.state-invalid')
  assert.equal(victim.cookie('__Host-seneschal'), undefined)
  assert.equal(codeOf(await attacker.ask('GET', callback)), 'auth.state-invalid')
})

test('a re-authentication that another session started raises nothing here', async (t) => {
  const h = await startTestHub(t)
  const mine = await h.signIn('jacintar')
  const other = await h.signIn('jacintar')
  const started = await other.change('POST', '/auth/elevate', { class: 'execute' })
  const form = await mine.open((started.body as { location: string }).location)
  const back = await mine.submit(form, { name: 'jacintar', password: 'jacintar' })
  assert.equal(back.url.searchParams.get('signin'), 'auth.state-invalid')
  assert.equal((await h.session(mine)).elevation, null)
  assert.equal((await h.session(other)).elevation, null)
})

test('a callback that comes after ten minutes is refused', async (t) => {
  const h = await startTestHub(t)
  const browser = h.visitor()
  const callback = await callbackOf(browser)
  h.shift(10 * 60_000)
  assert.equal(codeOf(await browser.ask('GET', callback)), 'auth.state-invalid')
})
