/** Row 42: a subject that takes the name of another person, exactly or nearly; a person that is renamed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf } from '../harness/code-of.ts'
import { permissions, startTestHub, type TestHub } from '../harness/hub.ts'
import { layer } from '../harness/site-feed.ts'

const refused = async (h: TestHub, what: string): Promise<void> => {
  const browser = h.visitor()
  const back = await browser.submit(await browser.open('/auth/login'), { name: 'mel', password: 'mel' })
  assert.equal(back.url.searchParams.get('signin'), 'auth.not-mapped', what)
  assert.equal(browser.cookie('__Host-seneschal'), undefined, what)
}

test('the same name under another subject is refused, also after its bearer is long gone', async (t) => {
  const h = await startTestHub(t)
  const jacintar = await h.signIn('jacintar')
  h.provider.lies.idToken = (claims) => ({ ...claims, preferred_username: 'jacintar' })
  await refused(h, 'while they are here')
  await jacintar.change('POST', '/auth/logout')
  h.shift(31 * 86_400_000)
  await h.feed.heartbeat(Date.now())
  await h.hub.tick()
  await refused(h, 'a month later')
  assert.deepEqual(
    (await h.audited('session.refused')).map(({ person, code }) => [person, code]),
    [
      ['jacintar', 'auth.not-mapped'],
      ['jacintar', 'auth.not-mapped'],
    ],
  )
})

test('a name that only looks like another is not it: no rights, or no way in', async (t) => {
  const h = await startTestHub(t, {
    permissions: permissions({ site: layer({ read: ['user:jacintar', 'group:oidc/no\u0301rte'] }) }),
  })
  await h.signIn('jacintar')
  // Letters of another script, composed and decomposed, wide, blank or invisible ones: no names here at all.
  for (const name of [
    'j\u0430cintar',
    'jacinta\u0301r',
    'jacint\u00e1r',
    '\uff4aacintar',
    'jacintar\u200b',
    ' jacintar',
    'jacintar ',
    'jacintar\n',
    'jacintar\u0000',
    'jacintar/x',
    '',
    'kiosk:x',
  ]) {
    h.provider.lies.idToken = (claims) => ({ ...claims, preferred_username: name })
    await refused(h, JSON.stringify(name))
  }
  for (const name of [['jacintar'], { toString: 'jacintar' }, 7, null]) {
    h.provider.lies.idToken = (claims) => ({ ...claims, preferred_username: name })
    await refused(h, JSON.stringify(name))
  }
  // Capitals make another name, and another person, without the rights of the first.
  h.provider.lies.idToken = (claims) => ({ ...claims, preferred_username: 'Jacintar' })
  const browser = h.visitor()
  await browser.submit(await browser.open('/auth/login'), { name: 'mel', password: 'mel' })
  assert.equal((await h.session(browser)).person, 'Jacintar')
  assert.equal(codeOf(await browser.ask('GET', '/api/accounts/atmosphere_stage')), 'account.unknown')
})

test('whoever the provider renames stays who they were, and cannot become somebody by it', async (t) => {
  const h = await startTestHub(t)
  await h.signIn('admin')
  await h.signIn('mel', h.visitor())
  for (const name of ['admin', 'oceans_stage', 'newname']) {
    h.provider.lies.idToken = (claims) => ({ ...claims, preferred_username: name })
    const browser = await h.signIn('mel', h.visitor())
    assert.equal((await h.session(browser)).person, 'mel', name)
  }
})

test('whoever the provider renames while they are signed in is raised as who they were', async (t) => {
  const h = await startTestHub(t)
  const mel = await h.signIn('mel')
  h.provider.lies.idToken = (claims) => ({ ...claims, preferred_username: 'admin' })
  await h.raise(mel)
  assert.equal((await h.session(mel)).person, 'mel')
  assert.equal((await h.audited('elevation.raised'))[0]?.person, 'mel')
})

test('an address that the provider has not verified names nobody', async (t) => {
  const first = await startTestHub(t)
  await first.hub.close()
  const provider = {
    issuer: first.provider.issuer,
    clientId: 'seneschal',
    clientSecret: { file: `${first.dir}/etc/secret` },
    unsafeAllowHttp: true,
    personClaim: 'email',
  }
  const h = await startTestHub(t, { dir: first.dir, provider: first.provider, config: { provider } })
  const email = 'jacintar@site.example'
  for (const verified of [undefined, false, 'true', 1, null]) {
    h.provider.lies.idToken = (claims) => ({ ...claims, email, email_verified: verified })
    await refused(h, String(verified))
    // Nor by what userinfo adds to it.
    h.provider.lies.userinfo = (claims) => ({ ...claims, email, email_verified: verified })
    h.provider.lies.idToken = undefined
    await refused(h, `${verified}, by userinfo`)
  }
  h.provider.lies.userinfo = (claims) => ({ ...claims, email, email_verified: true })
  const browser = h.visitor()
  await browser.submit(await browser.open('/auth/login'), { name: 'mel', password: 'mel' })
  assert.equal((await h.session(browser)).person, email)
})
