/** Row 2: a callback without state, with a used one, with somebody else's, or too late. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callbackAt } from '../harness/callback.ts'
import { codeOf } from '../harness/code-of.ts'
import { startTestHub } from '../harness/hub.ts'
import type { Visitor } from '../harness/visitor.ts'

/** Signs in up to the moment in which the provider sends the browser back, and says where to. */
const callbackOf = (browser: Visitor): Promise<string> => callbackAt(browser, '/auth/login', 'jacintar')

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

test('a refusal of the provider uses the state up as well', async (t) => {
  const h = await startTestHub(t)
  const browser = h.visitor()
  const callback = new URL(await callbackOf(browser))
  const state = callback.searchParams.get('state') ?? ''
  const refusal = await browser.ask('GET', `/auth/callback?error=access_denied&state=${state}`)
  assert.notEqual(refusal.status, 303)
  assert.equal(codeOf(await browser.ask('GET', callback)), 'auth.state-invalid')
  assert.equal(browser.cookie('__Host-seneschal'), undefined)
})

test('the callback of a re-authentication signs nobody in who has no session', async (t) => {
  const h = await startTestHub(t)
  const mine = await h.signIn('jacintar')
  const started = await mine.change('POST', '/auth/elevate', { class: 'execute' })
  const callback = await callbackAt(mine, (started.body as { location: string }).location, 'jacintar')
  const stranger = h.visitor()
  assert.equal(codeOf(await stranger.ask('GET', callback)), 'session.ended')
  assert.equal(stranger.cookie('__Host-seneschal'), undefined)
  assert.equal(codeOf(await mine.ask('GET', callback)), 'auth.state-invalid', 'it is used up')
  assert.equal((await h.session(mine)).elevation, null)
})

test('a callback that comes after ten minutes is refused', async (t) => {
  const h = await startTestHub(t)
  const browser = h.visitor()
  const callback = await callbackOf(browser)
  h.shift(10 * 60_000)
  assert.equal(codeOf(await browser.ask('GET', callback)), 'auth.state-invalid')
})
