/** Rows 1, 3 and 4: ID tokens and answers that were not made for this sign-in, or not by this provider. */
import assert from 'node:assert/strict'
import { createHmac, createPublicKey } from 'node:crypto'
import { test } from 'node:test'
import { generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { startTestHub, type TestHub } from '../harness/hub.ts'

const refusedSignIn = async (h: TestHub, code: string): Promise<void> => {
  const browser = h.visitor()
  const back = await browser.submit(await browser.open('/auth/login'), { name: 'mel', password: 'mel' })
  assert.equal(back.url.searchParams.get('signin'), code)
  assert.equal(browser.cookie('__Host-seneschal'), undefined)
  assert.equal((await h.audited('session.refused')).at(-1)?.code, code)
  assert.equal((await h.audited('session.signed-in')).length, 0)
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

const lies: Readonly<Record<string, (claims: JWTPayload) => JWTPayload>> = {
  'the nonce of another sign-in': (claims) => ({ ...claims, nonce: 'another' }),
  'no nonce': ({ nonce: _nonce, ...claims }) => claims,
  'another issuer': (claims) => ({ ...claims, iss: 'https://other.test' }),
  'another audience': (claims) => ({ ...claims, aud: 'other' }),
  'no subject': ({ sub: _sub, ...claims }) => claims,
}
for (const [what, lie] of Object.entries(lies))
  test(`an ID token with ${what} signs nobody in`, async (t) => {
    const h = await startTestHub(t)
    h.provider.lies.idToken = lie
    await refusedSignIn(h, 'auth.answer-invalid')
  })

test('an ID token without a signature (alg none) signs nobody in', async (t) => {
  const h = await startTestHub(t)
  h.provider.lies.sign = async (claims) => `${encode({ alg: 'none' })}.${encode(claims)}.`
  await refusedSignIn(h, 'auth.answer-invalid')
})

test('an ID token signed by HMAC with the public key signs nobody in', async (t) => {
  const h = await startTestHub(t)
  h.provider.lies.sign = async (claims) => {
    const { n = '', e = '' } = h.provider.key
    const pem = createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' }).export({
      type: 'spki',
      format: 'pem',
    })
    const input = `${encode({ alg: 'HS256', kid: h.provider.key.kid })}.${encode(claims)}`
    return `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`
  }
  await refusedSignIn(h, 'auth.answer-invalid')
})

test("an ID token that somebody signed under the provider's key id signs nobody in", async (t) => {
  const h = await startTestHub(t)
  const { privateKey } = await generateKeyPair('RS256')
  h.provider.lies.sign = (claims) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: String(h.provider.key.kid) }).sign(privateKey)
  await refusedSignIn(h, 'auth.answer-invalid')
})

test('an answer that names another provider, or none although ours always does, signs nobody in', async (t) => {
  const h = await startTestHub(t)
  h.provider.lies.callback = (url) => url.searchParams.set('iss', 'https://other.test')
  await refusedSignIn(h, 'auth.answer-invalid')
  h.provider.lies.callback = (url) => url.searchParams.delete('iss')
  await refusedSignIn(h, 'auth.answer-invalid')
})

test("another person's code does not fit the verifier of this sign-in", async (t) => {
  const h = await startTestHub(t)
  let stolen = ''
  h.provider.lies.callback = (url) => {
    stolen = url.searchParams.get('code') ?? ''
    url.searchParams.set('code', 'lost')
  }
  await refusedSignIn(h, 'auth.answer-invalid')
  h.provider.lies.callback = (url) => url.searchParams.set('code', stolen)
  await refusedSignIn(h, 'auth.answer-invalid')
})

test('whoever strips PKCE off the way to the provider is signed in nowhere', async (t) => {
  const h = await startTestHub(t)
  for (const stripped of [['code_challenge', 'code_challenge_method'], ['code_challenge_method']]) {
    const browser = h.visitor()
    const way = new URL((await browser.ask('GET', '/auth/login')).headers.location ?? '')
    for (const name of stripped) way.searchParams.delete(name)
    const page = await browser.open(way)
    // Ours asks for PKCE; another might go on, and then the verifier has nothing to fit.
    if (page.url.origin !== 'https://hub.test')
      await browser.submit(page, { name: 'mel', password: 'mel' }).catch(() => page)
    assert.equal(browser.cookie('__Host-seneschal'), undefined)
  }
  assert.equal((await h.audited('session.signed-in')).length, 0)
})

test('the way to the provider always asks for PKCE with S256, a state and a nonce', async (t) => {
  const h = await startTestHub(t)
  const answer = await h.visitor().ask('GET', '/auth/login')
  const asked = new URL(answer.headers.location ?? '').searchParams
  assert.equal(asked.get('code_challenge_method'), 'S256')
  for (const name of ['code_challenge', 'state', 'nonce']) assert.match(asked.get(name) ?? '', /^[\w-]{43}$/)
  assert.equal(asked.get('redirect_uri'), 'https://hub.test/auth/callback')
})
