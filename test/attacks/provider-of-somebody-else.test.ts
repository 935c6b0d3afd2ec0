/** Row 1: a second provider, real and hostile, that gets its answers to the hub's callback; ours passed off as another. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callbackAt } from '../harness/callback.ts'
import { codeOf } from '../harness/code-of.ts'
import { startTestHub, type TestHub } from '../harness/hub.ts'
import { people, startLyingProvider } from '../harness/provider.ts'

const hostileFor = async (h: TestHub) =>
  startLyingProvider({
    port: 0,
    clientId: 'seneschal',
    clientSecret: 'another-secret-that-the-hub-does-not-know',
    redirectUris: ['https://hub.test/auth/callback'],
    postLogoutRedirectUris: ['https://hub.test/'],
    backchannelLogoutUri: 'https://hub.test/auth/backchannel-logout',
    people: [...people],
    title: `Not ${h.provider.issuer}`,
  })

test('an answer of another provider, under its own name, under ours, or under none, signs nobody in', async (t) => {
  const h = await startTestHub(t)
  const hostile = await hostileFor(h)
  t.after(() => hostile.close())
  const lies: Readonly<Record<string, (callback: URL) => void>> = {
    'its own name': () => undefined,
    'our name': (callback) => callback.searchParams.set('iss', h.provider.issuer),
    'no name': (callback) => callback.searchParams.delete('iss'),
    'both names': (callback) => callback.searchParams.append('iss', h.provider.issuer),
  }
  for (const [what, lie] of Object.entries(lies)) {
    const victim = h.visitor()
    const ours = new URL((await victim.ask('GET', '/auth/login')).headers.location ?? '')
    // The same state, nonce and challenge, at the other provider.
    const way = new URL(ours.pathname + ours.search, hostile.issuer)
    const callback = new URL(await callbackAt(victim, way, 'admin'))
    lie(callback)
    assert.equal(codeOf(await victim.ask('GET', callback)), 'auth.answer-invalid', what)
    assert.equal(victim.cookie('__Host-seneschal'), undefined, what)
    assert.equal((await h.audited('session.refused')).at(-1)?.code, 'auth.answer-invalid', what)
  }
  assert.equal((await h.audited('session.signed-in')).length, 0)
  assert.equal(hostile.asked.get('/token'), undefined, 'no code of ours went there, and no secret')
})

test('a provider that calls itself another, or leads where others can listen, is none', async (t) => {
  const h = await startTestHub(t)
  const wrong: Readonly<Record<string, object>> = {
    'another issuer': { issuer: 'https://evil.test' },
    'its issuer with a slash': { issuer: `${h.provider.issuer}/` },
    'a page that is a file': { authorization_endpoint: 'file:///etc/passwd' },
    'a page that is a script': { authorization_endpoint: 'javascript:alert(1)' },
    'tokens over plain http elsewhere': { token_endpoint: 'http://evil.test/token' },
    'keys over plain http elsewhere': { jwks_uri: 'http://evil.test/jwks' },
    'a page to sign out that is a script': { end_session_endpoint: 'javascript:alert(1)' },
    'no keys at all': { jwks_uri: undefined },
    'a list for an address': { token_endpoint: ['https://evil.test/token'] },
  }
  for (const [what, said] of Object.entries(wrong)) {
    h.provider.lies.metadata = (right) => ({ ...right, ...said })
    h.shift(5000)
    assert.equal(codeOf(await h.visitor().ask('GET', '/auth/login')), 'auth.provider-unavailable', what)
  }
  h.provider.lies.metadata = undefined
  h.shift(5000)
  await h.signIn('mel')
})

test('a redirect from the provider, for what it says, its keys, tokens or userinfo, is not followed anywhere', async (t) => {
  const h = await startTestHub(t)
  const hostile = await hostileFor(h)
  t.after(() => hostile.close())
  hostile.lies.metadata = (said) => ({ ...said, issuer: h.provider.issuer })
  // So that userinfo is asked.
  h.provider.lies.idToken = ({ groups: _groups, ...claims }) => claims
  for (const lying of ['/.well-known/openid-configuration', '/jwks', '/token', '/me'])
    for (const status of [302, 307]) {
      h.provider.lies.answer = (path, response) => {
        if (path === lying) response.writeHead(status, { location: hostile.issuer + path }).end()
        return path === lying
      }
      h.shift(600_000)
      const browser = h.visitor()
      const form = await browser.open('/auth/login')
      const back =
        form.url.origin === 'https://hub.test'
          ? form
          : await browser.submit(form, { name: 'mel', password: 'mel' })
      assert.ok(back.url.searchParams.has('signin'), `${lying} ${status}`)
      assert.equal(browser.cookie('__Host-seneschal'), undefined, `${lying} ${status}`)
    }
  assert.equal(hostile.asked.size, 0, 'nobody went there')
  h.provider.lies.answer = undefined
  h.shift(600_000)
  await h.signIn('mel')
})
