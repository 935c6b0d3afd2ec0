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
  for (const path of ['//evil.test', '/%2fevil.test', '/.//evil.test', 'https://evil.test']) {
    const browser = h.visitor()
    const form = await browser.open(`/auth/login?return=${encodeURIComponent(path)}`)
    const there = await browser.submit(form, { name: 'mel', password: 'mel' })
    assert.equal(there.url.href, 'https://hub.test/')
    const raise = await h.askToRaise(browser, 'execute', { return: path })
    assert.equal(
      (await browser.submit(raise, { name: 'mel', password: 'mel' })).url.href,
      'https://hub.test/',
    )
  }
})
