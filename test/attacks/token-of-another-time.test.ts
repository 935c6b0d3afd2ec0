/**
 * Clocks that are apart: within the tolerance they change nothing, beyond it nobody signs in and it is the clocks that
 * are named. Raising privileges compares the provider's clock with itself alone.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JWTPayload } from 'jose'
import { startTestHub, type TestHub } from '../harness/hub.ts'

/** The whole of a provider whose clock is off by so many seconds. */
const off =
  (seconds: number) =>
  (claims: JWTPayload): JWTPayload => ({
    ...claims,
    iat: Number(claims.iat) + seconds,
    exp: Number(claims.iat) + seconds + 60,
    ...('auth_time' in claims ? { auth_time: Number(claims.auth_time) + seconds } : {}),
  })

const signInRefused = async (h: TestHub, what: string): Promise<void> => {
  const browser = h.visitor()
  const back = await browser.submit(await browser.open('/auth/login'), { name: 'mel', password: 'mel' })
  assert.equal(back.url.searchParams.get('signin'), 'auth.clocks-apart', what)
  assert.equal(browser.cookie('__Host-seneschal'), undefined)
  assert.equal((await h.audited('session.refused')).at(-1)?.code, 'auth.clocks-apart', what)
}

test('a provider half a minute ahead or behind signs people in, and raises them', async (t) => {
  const h = await startTestHub(t)
  for (const seconds of [-85, -25, 25]) {
    h.provider.lies.idToken = off(seconds)
    const browser = await h.signIn('jacintar', h.visitor())
    const back = await h.raise(browser)
    assert.equal(back.url.searchParams.get('elevation'), null, `${seconds} s`)
    assert.equal((await h.session(browser)).elevation?.class, 'execute', `${seconds} s`)
  }
})

test('a provider further off signs nobody in, and the refusal names the clocks', async (t) => {
  const h = await startTestHub(t)
  for (const seconds of [-600, -120, 45, 600]) {
    h.provider.lies.idToken = off(seconds)
    await signInRefused(h, `${seconds} s`)
  }
  h.provider.lies.idToken = (claims) => ({ ...claims, nbf: Number(claims.iat) + 120 })
  await signInRefused(h, 'not before')
  h.provider.lies.idToken = (claims) => ({ ...claims, exp: Number(claims.iat) - 120 })
  await signInRefused(h, 'over')
  assert.equal((await h.audited('session.signed-in')).length, 0)
})

test('a provider that writes its times five minutes back, as some do, is believed until they end', async (t) => {
  const h = await startTestHub(t)
  h.provider.lies.idToken = (claims) => ({
    ...claims,
    iat: Number(claims.iat) - 300,
    nbf: Number(claims.iat) - 300,
  })
  await h.signIn('mel')
})

test('while clocks are too far apart nobody is raised either, and the session stays as it was', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  h.provider.lies.idToken = off(600)
  const back = await h.raise(browser)
  assert.equal(back.url.searchParams.get('elevation'), 'auth.clocks-apart')
  assert.equal((await h.session(browser)).elevation, null)
})
