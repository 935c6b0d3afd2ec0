/** A provider, or somebody who may fill in their own profile there, that says too much, or what is not asked for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf } from '../harness/code-of.ts'
import { startTestHub } from '../harness/hub.ts'

test('somebody in 100,000 groups is refused, and nobody else notices', async (t) => {
  const h = await startTestHub(t)
  const other = await h.signIn('jacintar')
  const groups = Array.from({ length: 100_000 }, (_, index) => `g${index}`)
  h.provider.lies.idToken = (claims) => ({ ...claims, groups })
  const browser = h.visitor()
  const back = await browser.submit(await browser.open('/auth/login'), { name: 'mel', password: 'mel' })
  assert.equal(back.url.searchParams.get('signin'), 'groups.too-many')
  assert.equal(browser.cookie('__Host-seneschal'), undefined)
  assert.equal((await h.session(other)).person, 'jacintar')
})

test('whoever joins groups without end to keep the one that they lose is signed out, and not let in again', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('admin')
  assert.deepEqual((await h.session(browser)).groups, ['oidc/site-admins'])
  const groups = Array.from({ length: 60_000 }, (_, index) => `g${index}`)
  h.provider.lies.userinfo = (claims) => ({ ...claims, groups })
  h.provider.lies.idToken = (claims) => ({ ...claims, groups })
  h.shift(6 * 60_000)
  assert.equal(codeOf(await browser.ask('GET', '/api/session')), 'session.ended')
  // The provider still knows them and asks nothing.
  const back = await browser.open('/auth/login')
  assert.equal(back.url.searchParams.get('signin'), 'groups.too-many')
})

test('an answer larger than any directory makes is no answer', async (t) => {
  const h = await startTestHub(t)
  h.provider.lies.idToken = (claims) => ({ ...claims, name: 'x'.repeat(3_000_000) })
  const browser = h.visitor()
  const back = await browser.submit(await browser.open('/auth/login'), { name: 'mel', password: 'mel' })
  assert.equal(back.url.searchParams.get('signin'), 'auth.provider-unavailable')
})

test('groups that are no list of names are none', async (t) => {
  const h = await startTestHub(t)
  for (const groups of [
    null,
    7,
    true,
    { admin: true },
    [['site-admins']],
    [{ name: 'site-admins' }],
    [null, 1],
    '',
  ]) {
    h.provider.lies.idToken = (claims) => ({ ...claims, groups })
    const browser = await h.signIn('mel', h.visitor())
    assert.deepEqual((await h.session(browser)).groups, [], JSON.stringify(groups))
  }
})

test('userinfo of somebody else adds nothing to an ID token', async (t) => {
  const h = await startTestHub(t)
  h.provider.lies.idToken = ({ groups: _groups, ...claims }) => claims
  for (const sub of ['admin', undefined, 7, '']) {
    h.provider.lies.userinfo = (claims) => ({ ...claims, sub, groups: ['site-admins'] })
    const browser = h.visitor()
    const back = await browser.submit(await browser.open('/auth/login'), { name: 'mel', password: 'mel' })
    assert.equal(back.url.searchParams.get('signin'), 'auth.answer-invalid', String(sub))
    assert.equal(browser.cookie('__Host-seneschal'), undefined)
  }
})

test('a name to show is one line, and no character in it turns the others round', async (t) => {
  const h = await startTestHub(t)
  for (const name of [
    'Mel\nUser admin',
    'Mel\u202Enimda',
    '\u2066Mel\u2069',
    'Mel\u0000',
    'M\u2028el',
    '\u001b[31mMel',
  ]) {
    h.provider.lies.idToken = (claims) => ({ ...claims, name })
    const shown = (await h.session(await h.signIn('mel', h.visitor()))).name
    assert.doesNotMatch(shown, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u, JSON.stringify(name))
  }
  h.provider.lies.idToken = (claims) => ({ ...claims, name: 'x'.repeat(100_000) })
  assert.ok((await h.session(await h.signIn('mel', h.visitor()))).name.length <= 128)
})
