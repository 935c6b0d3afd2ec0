/** Row 42: rights expected from nothing but a name. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf } from '../harness/code-of.ts'
import { permissions, startTestHub } from '../harness/hub.ts'
import { layer } from '../harness/site-feed.ts'
import { until } from '../harness/until.ts'

test('a person of the provider who is called like an account is not let in', async (t) => {
  const h = await startTestHub(t)
  const browser = h.visitor()
  const form = await browser.open('/auth/login')
  const back = await browser.submit(form, { name: 'oceans_stage', password: 'oceans_stage' })
  assert.equal(back.url.searchParams.get('signin'), 'auth.not-mapped')
  assert.equal(browser.cookie('__Host-seneschal'), undefined)
  assert.equal((await h.audited('session.refused'))[0]?.person, 'oceans_stage')
})

test('where the site maps the name, its bearer is let in and has no right from it', async (t) => {
  const h = await startTestHub(t, { config: { persons: { allowAccountNames: ['oceans_stage'] } } })
  const browser = await h.signIn('oceans_stage')
  assert.equal((await browser.ask('GET', '/api/accounts/oceans_stage')).status, 404)
})

test('an account that appears later shuts out whoever is called like it', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('mel')
  await h.feed.put('account', 'mel', { account: 'mel', title: null, problem: null, at: 0 })
  await until(async () => (await browser.ask('GET', '/api/session')).status === 403)
  assert.equal(codeOf(await browser.ask('GET', '/api/session')), 'auth.not-mapped')
})

test('a group of the provider is no Unix group, whatever it is called', async (t) => {
  const h = await startTestHub(t, {
    config: { persons: { allowAccountNames: ['oceans_stage'] } },
    permissions: permissions({ site: layer({ read: ['group:unix/atm-ops', 'user:mel'] }) }),
  })
  const browser = await h.signIn('oceans_stage')
  assert.deepEqual((await h.session(browser)).groups, [], 'a name with a slash is none at all')
  assert.equal((await browser.ask('GET', '/api/accounts/atmosphere_stage')).status, 404)
})

test('a group of the provider that is called just like a Unix group gives none of its rights', async (t) => {
  const h = await startTestHub(t, {
    permissions: permissions({
      site: layer({
        read: ['group:unix/atm-ops', 'group:ldap/atm-ops', 'user:admin'],
        execute: ['group:unix/atm-ops'],
      }),
    }),
  })
  const names = [
    'atm-ops',
    'unix/atm-ops',
    'ldap/atm-ops',
    'oidc/../unix/atm-ops',
    'unix:atm-ops',
    '/atm-ops',
    'unix%2Fatm-ops',
  ]
  for (const groups of [names, 'unix/atm-ops', 'atm-ops', { unix: ['atm-ops'] }, [['unix/atm-ops']], 7]) {
    h.provider.lies.idToken = (claims) => ({ ...claims, groups })
    const browser = await h.signIn('mel')
    const told = (await h.session(browser)).groups
    assert.ok(
      told.every((group) => group.startsWith('oidc/') && group.split('/').length === 2),
      String(told),
    )
    assert.equal((await browser.ask('GET', '/api/accounts/atmosphere_stage')).status, 404)
    await h.raise(browser)
    const hold = await browser.change('POST', '/api/accounts/atmosphere_stage/actions/hold', {
      workflow: 'clouds',
      args: {},
    })
    assert.equal(codeOf(hold), 'account.unknown')
  }
})

test('groups of the provider never pass for an owner, an account, a person or a role', async (t) => {
  const h = await startTestHub(t, {
    permissions: permissions({ site: layer({ read: ['owner', 'account:oceans_stage', 'user:admin'] }) }),
  })
  const names = [
    'owner',
    'user:owner',
    'user:admin',
    'everyone',
    'account:oceans_stage',
    'admin',
    'atmosphere_stage',
  ]
  h.provider.lies.idToken = (claims) => ({ ...claims, groups: names })
  const browser = await h.signIn('mel')
  assert.equal((await browser.ask('GET', '/api/accounts/atmosphere_stage')).status, 404)
  assert.equal(codeOf(await browser.ask('GET', '/api/admin/kiosks')), 'permission.denied')
})

test('the same name under another subject is somebody else, and is not let in', async (t) => {
  const h = await startTestHub(t)
  const first = await h.signIn('jacintar')
  h.provider.lies.idToken = (claims) => ({
    ...claims,
    sub: 'new',
    preferred_username: 'jacintar',
    groups: [],
  })
  const browser = h.visitor()
  const back = await browser.submit(await browser.open('/auth/login'), { name: 'mel', password: 'mel' })
  assert.equal(back.url.searchParams.get('signin'), 'auth.not-mapped')
  assert.equal(browser.cookie('__Host-seneschal'), undefined)
  const raising = await h.askToRaise(first)
  const raised = await first.submit(raising, { name: 'jacintar', password: 'jacintar' })
  assert.equal(raised.url.searchParams.get('elevation'), 'auth.subject-changed', 'nor at an elevation')
})

test('a name that the provider changed later is still the person of the first sign-in', async (t) => {
  const h = await startTestHub(t)
  await h.signIn('mel')
  h.provider.lies.idToken = (claims) => ({ ...claims, preferred_username: 'admin', groups: [] })
  const browser = h.visitor()
  await browser.submit(await browser.open('/auth/login'), { name: 'mel', password: 'mel' })
  assert.equal((await h.session(browser)).person, 'mel')
})

test('a name that could pass for something else is refused', async (t) => {
  const h = await startTestHub(t)
  for (const [index, name] of ['kiosk:abc', 'a b', '-x', '../x', '', 'x\n', 'é', 7, null].entries()) {
    h.provider.lies.idToken = (claims) => ({
      ...claims,
      sub: `s${index}`,
      preferred_username: name,
      groups: [],
    })
    const browser = h.visitor()
    const back = await browser.submit(await browser.open('/auth/login'), { name: 'mel', password: 'mel' })
    assert.equal(back.url.searchParams.get('signin'), 'auth.not-mapped', JSON.stringify(name))
  }
})
