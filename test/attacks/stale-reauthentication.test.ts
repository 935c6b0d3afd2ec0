/** Row 7: a provider, or somebody in front of it, that did not really ask for credentials again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { JWTPayload } from 'jose'
import { callbackAt } from '../harness/callback.ts'
import { codeOf } from '../harness/code-of.ts'
import { startTestHub, type TestHub } from '../harness/hub.ts'

const stale = 'auth.reauthentication-stale'

/** `lie`: of the re-authentication; who signs in is told the truth. */
const refusedElevation = async (
  h: TestHub,
  code: string,
  lie: typeof h.provider.lies.idToken = h.provider.lies.idToken,
): Promise<void> => {
  const browser = await h.signIn('jacintar')
  h.provider.lies.idToken = lie
  const cookie = browser.cookie('__Host-seneschal')
  const back = await h.raise(browser)
  assert.equal(back.url.searchParams.get('elevation'), code)
  assert.equal((await h.session(browser)).elevation, null)
  assert.equal(browser.cookie('__Host-seneschal'), cookie, 'the session goes on as it was')
  assert.equal((await h.audited('elevation.refused'))[0]?.code, code)
  assert.equal((await h.audited('elevation.raised')).length, 0)
}

const lies: Readonly<Record<string, (claims: JWTPayload) => JWTPayload>> = {
  'an authentication of an hour ago': (claims) => ({ ...claims, auth_time: Number(claims.iat) - 3600 }),
  'one of five seconds before it was asked': (claims) => ({ ...claims, auth_time: Number(claims.iat) - 5 }),
  'one in the future': (claims) => ({ ...claims, auth_time: Number(claims.iat) + 3600 }),
  'no time at all': ({ auth_time: _time, ...claims }) => claims,
  'a time that is a text': (claims) => ({ ...claims, auth_time: String(claims.iat) as unknown as number }),
}
for (const [what, lie] of Object.entries(lies))
  test(`${what} raises nothing`, async (t) => {
    const h = await startTestHub(t)
    const isText = what.endsWith('text')
    await refusedElevation(h, isText ? 'auth.answer-invalid' : stale, lie)
  })

test('a time that only userinfo names raises nothing: it says who somebody is, not when they signed in', async (t) => {
  const h = await startTestHub(t)
  let asked = 0
  h.provider.lies.idToken = ({ auth_time: _time, groups: _groups, ...claims }) => claims
  h.provider.lies.userinfo = (claims) => {
    asked += 1
    return { ...claims, auth_time: Math.floor(Date.now() / 1000), iat: Math.floor(Date.now() / 1000) }
  }
  await refusedElevation(h, stale)
  assert.equal(asked, 2, 'at the sign-in and at the elevation')
})

test('somebody else who signs in at the re-authentication raises nothing, for neither of them', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  const started = await browser.change('POST', '/auth/elevate', { class: 'execute' })
  const way = (started.body as { location: string }).location
  const callback = await callbackAt(h.visitor(), way, 'admin')
  assert.equal(codeOf(await browser.ask('GET', callback)), 'auth.subject-changed')
  const me = await h.session(browser)
  assert.deepEqual([me.person, me.elevation], ['jacintar', null])
  const [record, ...more] = await h.audited('elevation.refused')
  assert.deepEqual([record?.person, record?.code, more.length], ['jacintar', 'auth.subject-changed', 0])
})

test('the ID token of the sign-in, given again at the elevation, raises nothing', async (t) => {
  const h = await startTestHub(t)
  let first = ''
  h.provider.lies.sign = async (claims) => {
    first ||= await h.provider.logoutToken(claims, { typ: 'JWT' })
    return first
  }
  await refusedElevation(h, 'auth.answer-invalid')
})

test('a provider that still knows the person, asked without the order to ask again, raises nothing', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  // Within a second of it the sign-in itself would be fresh: times are whole seconds.
  await sleep(2100)
  const answer = await browser.change('POST', '/auth/elevate', { class: 'execute' })
  const asked = new URL((answer.body as { location: string }).location)
  for (const order of ['prompt', 'max_age']) asked.searchParams.delete(order)
  const back = await browser.open(asked)
  assert.equal(back.url.searchParams.get('elevation'), stale)
  assert.equal((await h.session(browser)).elevation, null)
})

test('a provider without the second factor that the site asks for raises nothing', async (t) => {
  const h = await startTestHub(t)
  const { dir } = h
  await h.hub.close()
  const strict = await startTestHub(t, {
    dir,
    provider: h.provider,
    config: {
      provider: {
        issuer: h.provider.issuer,
        clientId: 'seneschal',
        clientSecret: { file: `${dir}/etc/secret` },
        unsafeAllowHttp: true,
        acrValues: 'urn:site:second-factor',
      },
    },
  })
  await refusedElevation(strict, stale)
})

test('a re-authentication asks for credentials, whatever the provider remembers', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  const answer = await browser.change('POST', '/auth/elevate', { class: 'execute' })
  const asked = new URL((answer.body as { location: string }).location).searchParams
  assert.equal(asked.get('prompt'), 'login')
  assert.equal(asked.get('max_age'), '0')
})
