/** Row 4: ID tokens that bring their own key, point to one, ask to be read in another way, or are something else. */
import assert from 'node:assert/strict'
import { createHmac, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import type { JWK, JWTPayload } from 'jose'
import { startTestHub, type TestHub } from '../harness/hub.ts'

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const own = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ownJwk = { ...own.publicKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' }

const rs256 = (header: object, claims: JWTPayload, key: KeyObject = own.privateKey): string => {
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${createSign('RSA-SHA256').update(input).sign(key).toString('base64url')}`
}
const hs256 = (header: object, claims: JWTPayload, key: string | Buffer): string => {
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`
}

const refused = async (h: TestHub, what: string): Promise<void> => {
  const browser = h.visitor()
  const back = await browser.submit(await browser.open('/auth/login'), { name: 'mel', password: 'mel' })
  assert.equal(back.url.searchParams.get('signin'), 'auth.answer-invalid', what)
  assert.equal(browser.cookie('__Host-seneschal'), undefined, what)
}

test('no header of an ID token brings another key, another place to look for one, or another way to read it', async (t) => {
  const h = await startTestHub(t)
  const kid = String(h.provider.key.kid)
  const right = { alg: 'RS256', kid, typ: 'JWT' }
  const secret = 'a-client-secret-of-the-test-that-must-not-be-logged'
  const lies: Readonly<Record<string, (claims: JWTPayload) => string>> = {
    'its key in the header': (claims) => rs256({ ...right, jwk: ownJwk }, claims),
    'a set to fetch': (claims) => rs256({ ...right, jku: 'https://evil.test/jwks.json' }, claims),
    'a certificate to fetch': (claims) => rs256({ ...right, x5u: 'https://evil.test/x.pem' }, claims),
    'a certificate to believe': (claims) => rs256({ ...right, x5c: ['MIIB'], x5t: 'x' }, claims),
    'a key id that is a path': (claims) => rs256({ ...right, kid: '../../../../dev/null' }, claims),
    'a key id that is an object': (claims) => rs256({ ...right, kid: { toString: kid } }, claims),
    'no key id': (claims) => rs256({ alg: 'RS256' }, claims),
    'an extension that nobody knows': (claims) => rs256({ ...right, crit: ['exp'], exp: 9e9 }, claims),
    'an unencoded body': (claims) => rs256({ ...right, b64: false, crit: ['b64'] }, claims),
    'the client secret as its key': (claims) => hs256({ alg: 'HS256', kid }, claims, secret),
    'nothing as its key': (claims) => hs256({ alg: 'HS256', kid }, claims, ''),
    'another algorithm for the same key': (claims) => rs256({ ...right, alg: 'PS256' }, claims),
    'five parts, as if encrypted': (claims) =>
      `${encode({ alg: 'dir', enc: 'A256GCM' })}...${encode(claims)}.`,
    'no body': () => `${encode(right)}..x`,
  }
  for (const [what, lie] of Object.entries(lies)) {
    h.provider.lies.sign = async (claims) => lie(claims)
    await refused(h, what)
  }
  assert.equal((await h.audited('session.signed-in')).length, 0)
})

test('a key that is published for something else signs nobody in', async (t) => {
  const h = await startTestHub(t)
  const shared = Buffer.alloc(32, 7)
  const published: Readonly<Record<string, readonly [JWK, (claims: JWTPayload) => string]>> = {
    'a shared secret': [
      { kty: 'oct', k: shared.toString('base64url'), kid: 'k', alg: 'HS256', use: 'sig' },
      (claims) => hs256({ alg: 'HS256', kid: 'k' }, claims, shared),
    ],
    'a key to encrypt with': [
      { ...ownJwk, use: 'enc', kid: 'k' },
      (claims) => rs256({ alg: 'RS256', kid: 'k' }, claims),
    ],
    'a key of another algorithm': [
      { ...ownJwk, alg: 'RSA-OAEP', kid: 'k' },
      (claims) => rs256({ alg: 'RS256', kid: 'k' }, claims),
    ],
    'a key for other operations': [
      { ...ownJwk, key_ops: ['encrypt'], kid: 'k' },
      (claims) => rs256({ alg: 'RS256', kid: 'k' }, claims),
    ],
  }
  for (const [what, [key, sign]] of Object.entries(published)) {
    // Past the minute in which keys are not looked for again.
    h.shift(600_000)
    h.provider.lies.jwks = () => [key]
    h.provider.lies.sign = async (claims) => sign(claims)
    await refused(h, what)
  }
  h.shift(600_000)
  h.provider.lies.jwks = () => [{ ...ownJwk, kid: 'k' }]
  h.provider.lies.sign = async (claims) => rs256({ alg: 'RS256', kid: 'k' }, claims)
  await h.signIn('mel')
})

test('what the provider signed as something else is no ID token, whatever it claims', async (t) => {
  const h = await startTestHub(t)
  for (const typ of ['logout+jwt', 'at+jwt', 'secevent+jwt', 'seneschal-grant+jwt']) {
    h.provider.lies.sign = (claims) => h.provider.logoutToken(claims, { typ })
    await refused(h, typ)
  }
  h.provider.lies.sign = (claims) => h.provider.logoutToken(claims, { typ: 'JWT' })
  await h.signIn('mel')
})

test('an ID token for several audiences counts only where it says that it is ours', async (t) => {
  const h = await startTestHub(t)
  const refusedWith: Readonly<Record<string, object>> = {
    'others too, and nobody named': { aud: ['seneschal', 'other'] },
    'others too, and another named': { aud: ['seneschal', 'other'], azp: 'other' },
    'others alone': { aud: ['other', 'another'], azp: 'seneschal' },
    'ours, and another named': { aud: 'seneschal', azp: 'other' },
    nobody: { aud: [] },
    'an object': { aud: { seneschal: true } },
  }
  for (const [what, over] of Object.entries(refusedWith)) {
    h.provider.lies.idToken = (claims) => ({ ...claims, ...over })
    await refused(h, what)
  }
  h.provider.lies.idToken = (claims) => ({ ...claims, aud: ['other', 'seneschal'], azp: 'seneschal' })
  await h.signIn('mel')
})

test('times that are texts, lists, or missing sign nobody in', async (t) => {
  const h = await startTestHub(t)
  for (const over of [
    { exp: undefined },
    { iat: undefined },
    { exp: '9999999999' },
    { iat: [1] },
    { nbf: 'now' },
    { exp: null },
  ]) {
    h.provider.lies.idToken = (claims) => ({ ...claims, ...(over as object) })
    await refused(h, JSON.stringify(over))
  }
})
