/** Row 11: a return address that leads somewhere else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { localPath } from '../../hub/auth/return-path.ts'
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

test('no return address of anybody makes the hub lead away, after sign-in or elevation', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('mel')
  for (const path of foreign) {
    // The provider still knows mel and asks nothing.
    const there = await browser.open(`/auth/login?return=${encodeURIComponent(path)}`)
    assert.equal(there.url.href, 'https://hub.test/', `${JSON.stringify(path)} after a sign-in`)
    const raise = await h.askToRaise(browser, 'execute', { return: path })
    const raised = await browser.submit(raise, { name: 'mel', password: 'mel' })
    assert.equal(raised.url.href, 'https://hub.test/', `${JSON.stringify(path)} after an elevation`)
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
