/** Signing in, raising privileges and signing out, through the provider's real pages. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { auditFrame } from '../../protocol/api.ts'
import { codeOf } from '../harness/code-of.ts'
import { startTestHub } from '../harness/hub.ts'
import { until } from '../harness/until.ts'

test('a person who signs in is known by name, groups and display name, and comes back to where they were', async (t) => {
  const h = await startTestHub(t)
  const browser = h.visitor()
  const form = await browser.open('/auth/login?return=/accounts/atmosphere_stage%3Fview%3Dtree')
  assert.match(form.text, /Demonstration sign-in: password = name/)
  const there = await browser.submit(form, { name: 'jacintar', password: 'jacintar' })
  assert.equal(there.url.pathname + there.url.search, '/accounts/atmosphere_stage?view=tree')
  const me = await h.session(browser)
  assert.equal(me.person, 'jacintar')
  assert.equal(me.name, 'Jacinta R.')
  assert.deepEqual(me.groups, ['oidc/forecasters', 'oidc/staff'])
  assert.equal(me.elevation, null)
  assert.deepEqual((await h.audited()).map(({ sentence }) => sentence).slice(1), ['User jacintar signed in'])
})

test('somebody with a wrong password is told so by the provider and is not signed in', async (t) => {
  const h = await startTestHub(t)
  const browser = h.visitor()
  const again = await browser.submit(await browser.open('/auth/login'), { name: 'mel', password: 'admin' })
  assert.equal(again.status, 401)
  assert.match(again.text, /role="alert"/)
  assert.equal((await browser.ask('GET', '/api/session')).status, 401)
})

test('somebody who cancels at the provider comes back with the reason', async (t) => {
  const h = await startTestHub(t)
  const browser = h.visitor()
  const form = await browser.open('/auth/login')
  const [, cancel = ''] = /action="([^"]*\/cancel)"/.exec(form.text) ?? []
  const back = await browser.submit({ ...form, text: `<form action="${cancel}"></form>` }, {})
  assert.equal(back.url.searchParams.get('signin'), 'auth.denied')
  assert.equal((await h.audited('session.refused'))[0]?.code, 'auth.denied')
})

test('two tabs of one browser sign in at once without disturbing each other', async (t) => {
  const h = await startTestHub(t)
  const browser = h.visitor()
  const first = await browser.open('/auth/login?return=/first')
  const second = await browser.open('/auth/login?return=/second')
  const one = await browser.submit(first, { name: 'mel', password: 'mel' })
  assert.equal(one.url.pathname, '/first')
  const two = await browser.submit(second, { name: 'mel', password: 'mel' })
  assert.equal(two.url.pathname, '/second')
  assert.equal((await h.session(browser)).person, 'mel')
})

test('a hub goes on without its provider: sessions stay, sign-in says that it is down and works once it is back', async (t) => {
  const h = await startTestHub(t)
  const signedIn = await h.signIn('mel')
  const dir = h.dir
  await h.hub.close()
  let isDown = true
  const second = await startTestHub(t, {
    dir,
    provider: h.provider,
    fetch: (input, init) => (isDown ? Promise.reject(new TypeError('fetch failed')) : fetch(input, init)),
  })
  const browser = second.visitor()
  browser.setCookie('__Host-seneschal', signedIn.cookie('__Host-seneschal') ?? '')
  assert.equal((await second.session(browser)).person, 'mel')
  const other = second.visitor()
  assert.equal(codeOf(await other.ask('GET', '/auth/login')), 'auth.provider-unavailable')
  const page = await other.ask('GET', '/auth/login?return=/wall', { headers: { accept: 'text/html' } })
  assert.equal(page.headers.location, '/wall?signin=auth.provider-unavailable')
  isDown = false
  await second.signIn('jacintar', second.visitor())
})

test('raising privileges asks for the password again, replaces cookie and CSRF token, and closes the old sockets', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  const before = { cookie: browser.cookie('__Host-seneschal'), ...(await h.session(browser)) }
  const socket = await browser.socket('/api/audit/stream')
  const form = await h.askToRaise(browser, 'execute', { return: '/accounts/atmosphere_stage' })
  assert.match(form.text, /Confirm that it is you/)
  assert.equal(socket.socket.readyState, socket.socket.OPEN, 'nothing closes before it succeeded')
  const back = await browser.submit(form, { name: 'jacintar', password: 'jacintar' })
  assert.equal(back.url.pathname, '/accounts/atmosphere_stage')
  assert.equal(await socket.closed, 4001)
  const after = await h.session(browser)
  assert.equal(after.elevation?.class, 'execute')
  assert.ok(Math.abs((after.elevation?.until ?? 0) - Date.now() - 15 * 60_000) < 10_000)
  assert.notEqual(after.csrf, before.csrf)
  assert.notEqual(browser.cookie('__Host-seneschal'), before.cookie)
  const [record] = await h.audited('elevation.raised')
  assert.equal(record?.sentence, 'User jacintar raised privileges to execute')
})

test('an elevation that somebody else confirms is refused, recorded, and leaves the session as it was', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  h.provider.lies.idToken = (claims) => ({ ...claims, sub: 'mel', preferred_username: 'mel', groups: [] })
  const back = await h.raise(browser)
  assert.equal(back.url.searchParams.get('elevation'), 'auth.subject-changed')
  assert.equal((await h.session(browser)).elevation, null)
  const [record] = await h.audited('elevation.refused')
  assert.equal(
    record?.sentence,
    'User jacintar was refused raised privileges to execute (auth.subject-changed)',
  )
})

test('two tabs that raise at once both succeed, each to what it asked for', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('admin')
  const first = await h.askToRaise(browser, 'execute', { return: '/first' })
  const second = await h.askToRaise(browser, 'write', { return: '/second' })
  assert.equal((await browser.submit(first, { name: 'admin', password: 'admin' })).url.pathname, '/first')
  assert.equal((await h.session(browser)).elevation?.class, 'execute')
  assert.equal((await browser.submit(second, { name: 'admin', password: 'admin' })).url.pathname, '/second')
  assert.equal((await h.session(browser)).elevation?.class, 'write')
})

test('a site that asks for a reason gets one, and it stands in the record', async (t) => {
  const h = await startTestHub(t, { config: { elevation: { duration: 'PT5M', reasonRequired: true } } })
  const browser = await h.signIn('jacintar')
  const without = await browser.change('POST', '/auth/elevate', { class: 'execute', reason: '  ' })
  assert.equal(codeOf(without), 'input.invalid')
  const form = await h.askToRaise(browser, 'execute', { reason: 'clouds hangs' })
  await browser.submit(form, { name: 'jacintar', password: 'jacintar' })
  assert.equal((await h.audited('elevation.raised'))[0]?.reason, 'clouds hangs')
})

test('dropping privileges takes effect at once under a new cookie, and closes no socket', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  await h.raise(browser)
  const cookie = browser.cookie('__Host-seneschal')
  const socket = await browser.socket('/api/audit/stream')
  assert.equal((await browser.change('DELETE', '/auth/elevation')).status, 204)
  assert.equal((await h.session(browser)).elevation, null)
  assert.notEqual(browser.cookie('__Host-seneschal'), cookie)
  await until(() => socket.messages.length > 0)
  const records = socket.messages.flatMap((text) => auditFrame.parse(JSON.parse(text)).records)
  assert.equal(records[0]?.sentence, 'User jacintar dropped raised privileges')
  assert.equal(socket.socket.readyState, socket.socket.OPEN)
  socket.socket.terminate()
})

test('at their end privileges fall back in place: the cookie and the socket stay, one record is written', async (t) => {
  const h = await startTestHub(t, { config: { elevation: { duration: 'PT2M' } } })
  const browser = await h.signIn('jacintar')
  await h.raise(browser)
  const cookie = browser.cookie('__Host-seneschal')
  const socket = await browser.socket('/api/audit/stream')
  h.shift(2 * 60_000)
  assert.equal((await h.session(browser)).elevation, null, 'before anybody swept')
  await h.hub.tick()
  await h.hub.tick()
  await until(() => socket.messages.some((text) => text.includes('fell back to read-only')))
  assert.equal((await h.audited('elevation.ended')).length, 1)
  assert.equal(browser.cookie('__Host-seneschal'), cookie)
  assert.equal(socket.socket.readyState, socket.socket.OPEN)
  socket.socket.terminate()
})

test('signing out ends the session and its sockets at once and leads to the provider, which ends its own', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('mel')
  const cookie = browser.cookie('__Host-seneschal') ?? ''
  const socket = await browser.socket('/api/audit/stream')
  const answer = await browser.change('POST', '/auth/logout')
  assert.equal(answer.status, 200)
  assert.equal(await socket.closed, 4002)
  assert.equal(browser.cookie('__Host-seneschal'), undefined)
  browser.setCookie('__Host-seneschal', cookie)
  assert.equal(codeOf(await browser.ask('GET', '/api/session')), 'session.ended')
  const confirm = await browser.open((answer.body as { location: string }).location)
  const home = await browser.submit(confirm, { logout: 'yes' })
  assert.equal(home.url.href, 'https://hub.test/')
  const form = await browser.open('/auth/login')
  assert.match(form.text, /<h1>Sign in<\/h1>/, 'the provider does not know them any more')
})

test('a logout at the provider ends the session here, and its sockets', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  const other = await h.signIn('jacintar')
  const socket = await browser.socket('/api/audit/stream')
  const page = await browser.open(`${h.provider.issuer}/session/end`)
  await browser.submit(page, { logout: 'yes' })
  assert.equal(await socket.closed, 4002)
  assert.equal(codeOf(await browser.ask('GET', '/api/session')), 'session.ended')
  assert.equal((await h.session(other)).person, 'jacintar', 'another browser has another provider session')
  assert.match((await h.audited('session.ended'))[0]?.sentence ?? '', /by the identity provider/)
})

test('a session ends after its time, and its sockets with it', async (t) => {
  const h = await startTestHub(t, { config: { session: { maxAge: 'PT1H' } } })
  const browser = await h.signIn('mel')
  const socket = await browser.socket('/api/audit/stream')
  h.shift(3_600_000)
  assert.equal(codeOf(await browser.ask('GET', '/api/session')), 'session.ended')
  await h.hub.tick()
  assert.equal(await socket.closed, 4002)
})

test('too many sign-ins from one address are refused for a while', async (t) => {
  const h = await startTestHub(t, { config: { signInsPerMinute: 3 } })
  const codes: number[] = []
  for (let count = 0; count < 5; count += 1) codes.push((await h.visitor().ask('GET', '/auth/login')).status)
  assert.deepEqual(codes, [303, 303, 303, 429, 429])
})
