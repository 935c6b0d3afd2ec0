/** Row 11: a return address that leads somewhere else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { localPath } from '../../hub/auth/return-path.ts'
import { send } from '../harness/http.ts'
import { startTestHub } from '../harness/hub.ts'

const foreign = [
  '//evil.test',
  '///evil.test',
  '/\\evil.test',
  '\\\\evil.test',
  '/\\/evil.test',
  'https:evil.test',
  'https://evil.test/',
  'javascript:alert(1)',
  'data:text/html,x',
  '/.//evil.test',
  '/..//evil.test',
  '/a/..//evil.test',
  '/%2fevil.test',
  '/%2Fevil.test',
  '/%5cevil.test',
  '/%252fevil.test',
  '/\t/evil.test',
  '/\n/evil.test',
  '/%09/evil.test',
  ' //evil.test',
  '/%2e%2e//evil.test',
  '/a/%2e%2e//evil.test',
  '/.%2e/%2fevil.test',
  '/%2f%2fevil.test',
  '/%5c%5cevil.test',
  '/%25252fevil.test',
  '%2f%2fevil.test',
  'https%3a%2f%2fevil.test',
  'HTTPS://evil.test',
  '//evil.test@hub.test',
  'https://hub.test@evil.test',
  '/\u2028/evil.test',
  '/\u0000/evil.test',
  'evil.test',
  '@evil.test',
  '',
  '/auth/login?return=//evil.test',
  '/api/session',
  '/u/atmosphere_stage/workflows',
]

test('whatever does not stay with the hub becomes its first page', () => {
  for (const path of foreign) assert.equal(localPath(path), '/', JSON.stringify(path))
  for (const value of [undefined, null, 7, ['/a'], `/${'a'.repeat(2000)}`])
    assert.equal(localPath(value), '/')
})

test('a place of the hub stays what it is', () => {
  for (const path of ['/', '/wall', '/accounts/a/workflows/b?cycle=1%2F2#x', '/a//b'])
    assert.equal(localPath(path), path)
})

/** One of each kind, for the whole way over the provider. */
const some = ['//evil.test', '/\\evil.test', 'https:evil.test', '/%2fevil.test', '/a/..//evil.test']

test('no return address of anybody makes the hub lead away after a sign-in, possible or not', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('mel')
  for (const path of some) {
    // The provider still knows mel and asks nothing.
    const there = await browser.open(`/auth/login?return=${encodeURIComponent(path)}`)
    assert.equal(there.url.href, 'https://hub.test/', JSON.stringify(path))
  }
  const down = await startTestHub(t, { fetch: () => Promise.reject(new TypeError('nobody is there')) })
  for (const path of foreign) {
    const asked = `/auth/login?return=${encodeURIComponent(path)}`
    const back = await down.visitor().ask('GET', asked, { headers: { accept: 'text/html' } })
    assert.equal(back.headers.location, '/?signin=auth.provider-unavailable', JSON.stringify(path))
  }
})

test('nor after an elevation, refused or not', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('mel')
  const { csrf } = await h.session(browser)
  const headers = { accept: 'text/html' }
  for (const path of foreign) {
    const asked = await browser.change('POST', '/auth/elevate', { class: 'execute', return: path }, csrf)
    const state = new URL((asked.body as { location: string }).location).searchParams.get('state')
    const refusal = `/auth/callback?error=access_denied&state=${state}`
    const back = await browser.ask('GET', refusal, { headers })
    assert.match(back.headers.location ?? '', /^\/\?elevation=auth\.[a-z-]+$/, JSON.stringify(path))
  }
  for (const path of some) {
    const raise = await h.askToRaise(browser, 'execute', { return: path })
    const raised = await browser.submit(raise, { name: 'mel', password: 'mel' })
    assert.equal(raised.url.href, 'https://hub.test/', JSON.stringify(path))
  }
})

test('two return addresses are none, and neither is one that the browser would have to repair', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('mel')
  for (const query of [
    'return=/wall&return=//evil.test',
    'return[]=//evil.test',
    'return=%2F%2Fevil.test%00',
  ])
    assert.equal((await browser.open(`/auth/login?${query}`)).url.href, 'https://hub.test/', query)
})

test('a refused elevation and a refused sign-in stay local too', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  const raise = await h.askToRaise(browser, 'execute', { return: '//evil.test/x' })
  h.provider.lies.idToken = (claims) => ({ ...claims, sub: 'mel', preferred_username: 'mel', groups: [] })
  const back = await browser.submit(raise, { name: 'jacintar', password: 'jacintar' })
  assert.equal(back.url.href, 'https://hub.test/?elevation=auth.subject-changed')
  h.provider.lies.callback = (url) => url.searchParams.set('iss', 'https://other.test')
  const there = await browser.open('/auth/login?return=%2F%2Fevil.test')
  assert.equal(there.url.origin, 'https://hub.test')
})

test('whatever host a request says it is for, the way out and back is that of the site', async (t) => {
  const h = await startTestHub(t)
  const lies = {
    host: 'evil.test',
    'x-forwarded-host': 'evil.test',
    'x-forwarded-proto': 'http',
    'x-original-host': 'evil.test',
    forwarded: 'host=evil.test;proto=http',
  }
  const login = await send(h.port, 'GET', '/auth/login?return=/wall', lies)
  const way = new URL(login.headers.location ?? '')
  assert.equal(way.origin, new URL(h.provider.issuer).origin)
  assert.equal(way.searchParams.get('redirect_uri'), 'https://hub.test/auth/callback')
  const browser = await h.signIn('mel')
  const cookie = browser.cookieHeader(new URL('https://hub.test'))
  const { csrf } = await h.session(browser)
  const headers = { ...lies, cookie, origin: 'https://hub.test', 'x-csrf-token': csrf }
  const out = await send(h.port, 'POST', '/auth/logout', headers)
  assert.ok(!JSON.stringify([out.body, out.headers]).includes('evil'), out.text)
  assert.equal(out.status, 200)
})
