/** Rows 4 and 6: logout tokens that the provider did not mean, or meant once. */
import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { test } from 'node:test'
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { WebSocketServer } from 'ws'
import { codeOf } from '../harness/code-of.ts'
import { send } from '../harness/http.ts'
import { startTestHub, type TestHub } from '../harness/hub.ts'
import { until } from '../harness/until.ts'

const event = { 'http://schemas.openid.net/event/backchannel-logout': {} }

const claimsFor = (h: TestHub, over: object = {}) => {
  const iat = Math.floor(Date.now() / 1000)
  return {
    iss: h.provider.issuer,
    aud: 'seneschal',
    iat,
    exp: iat + 120,
    jti: crypto.randomUUID(),
    sub: 'jacintar',
    events: event,
    ...over,
  }
}
const deliver = (h: TestHub, token: string) => {
  const body = new URLSearchParams({ logout_token: token }).toString()
  return send(
    h.port,
    'POST',
    '/auth/backchannel-logout',
    {
      host: 'hub.test',
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(body.length),
    },
    body,
  )
}

test('a logout token ends sessions and sockets of every kind within a second, once', async (t) => {
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  const h = await startTestHub(t, {
    upgrade: (request, raw, head) => server.handleUpgrade(request, raw, head, () => undefined),
  })
  const browser = await h.signIn('jacintar')
  const bystander = await h.signIn('mel')
  await browser.change('POST', '/api/accounts/atmosphere_stage/server', {})
  await until(() => h.spawner.running.has('atmosphere_stage'))
  const paths = ['/api/audit/stream', '/api/wall', '/u/atmosphere_stage/stream']
  await until(async () => (await browser.ask('GET', '/u/atmosphere_stage/workflows')).status !== 503)
  const sockets = await Promise.all(paths.map((path) => browser.socket(path)))
  const others = await bystander.socket('/api/wall')
  const token = await h.provider.logoutToken(claimsFor(h))
  const began = performance.now()
  assert.equal((await deliver(h, token)).status, 200)
  for (const [index, socket] of sockets.entries()) assert.equal(await socket.closed, 4002, `${paths[index]}`)
  assert.ok(performance.now() - began < 1000)
  assert.equal((await browser.ask('GET', '/api/session')).status, 401)
  for (const path of paths) await assert.rejects(browser.socket(path), { status: 401 }, path)
  await h.session(bystander)
  assert.equal(others.socket.readyState, others.socket.OPEN)
  others.socket.terminate()

  await h.signIn('jacintar', browser)
  const again = await deliver(h, token)
  assert.equal(again.status, 400)
  assert.equal(codeOf(again), 'auth.logout-token-invalid')
  await h.session(browser)
})

test('whoever raised privileges in another session of the provider is signed out with either', async (t) => {
  const h = await startTestHub(t)
  let sid = 'at-sign-in'
  h.provider.lies.idToken = (claims) => ({ ...claims, sid })
  for (const ended of ['at-sign-in', 'at-raising']) {
    sid = 'at-sign-in'
    const browser = await h.signIn('jacintar', h.visitor())
    const bystander = h.visitor()
    sid = 'elsewhere'
    await h.signIn('jacintar', bystander)
    sid = 'at-raising'
    await h.raise(browser)
    const token = await h.provider.logoutToken(claimsFor(h, { sid: ended }))
    assert.equal((await deliver(h, token)).status, 200)
    assert.equal((await browser.ask('GET', '/api/session')).status, 401, ended)
    await h.session(bystander)
  }
})

const lies: Readonly<Record<string, object>> = {
  'a nonce': { nonce: 'x' },
  'another issuer': { iss: 'https://other.test' },
  'another audience': { aud: 'other' },
  'no event': { events: undefined },
  'another event': { events: { 'http://schemas.openid.net/event/other': {} } },
  'no jti': { jti: undefined },
  'neither subject nor session': { sub: undefined },
  'an age of ten minutes': { iat: Math.floor(Date.now() / 1000) - 600, exp: undefined },
  'an end that has passed': { exp: Math.floor(Date.now() / 1000) - 120 },
}

test('a logout token that is not one in any respect ends nothing', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  const tokens: Record<string, string> = {}
  for (const [what, over] of Object.entries(lies))
    tokens[what] = await h.provider.logoutToken(JSON.parse(JSON.stringify(claimsFor(h, over))))
  tokens['the type of an ID token'] = await h.provider.logoutToken(claimsFor(h), { typ: 'JWT' })
  tokens['no signature'] =
    `${Buffer.from('{"alg":"none","typ":"logout+jwt"}').toString('base64url')}.${Buffer.from(JSON.stringify(claimsFor(h))).toString('base64url')}.`
  tokens['the client secret as its key'] = await new SignJWT(claimsFor(h))
    .setProtectedHeader({ alg: 'HS256', typ: 'logout+jwt' })
    .sign(new TextEncoder().encode('a-client-secret-of-the-test-that-must-not-be-logged'))
  const { n = '', e = '', kid = '' } = h.provider.key
  const published = createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' })
  for (const format of ['pem', 'der'] as const)
    tokens[`the public key as its secret (${format})`] = await new SignJWT(claimsFor(h))
      .setProtectedHeader({ alg: 'HS256', typ: 'logout+jwt', kid })
      .sign(Buffer.from(published.export({ type: 'spki', format: format as 'pem' })))
  const own = await generateKeyPair('RS256')
  tokens['a key of its own under the right id'] = await new SignJWT(claimsFor(h))
    .setProtectedHeader({ alg: 'RS256', typ: 'logout+jwt', kid })
    .sign(own.privateKey)
  tokens['its key in the header'] = await new SignJWT(claimsFor(h))
    .setProtectedHeader({ alg: 'RS256', typ: 'logout+jwt', jwk: await exportJWK(own.publicKey) })
    .sign(own.privateKey)
  tokens.rubbish = 'x'
  for (const [what, token] of Object.entries(tokens)) {
    const answer = await deliver(h, token)
    assert.equal(answer.status, 400, `${what}: ${answer.text}`)
    assert.equal(codeOf(answer), 'auth.logout-token-invalid', what)
  }
  await h.session(browser)
})

test("an ID token of the provider's is no logout token", async (t) => {
  const h = await startTestHub(t)
  let token = ''
  h.provider.lies.idToken = (claims) => claims
  const sign = h.provider.lies.idToken
  h.provider.lies.sign = async (claims) => {
    token = await h.provider.logoutToken(sign(claims), { typ: 'JWT' })
    return token
  }
  const browser = await h.signIn('jacintar')
  assert.equal(decodeJwt(token).sub, 'jacintar')
  assert.equal((await deliver(h, token)).status, 400)
  await h.session(browser)
})

test('a thousand unknown key ids cost the provider one question', async (t) => {
  const h = await startTestHub(t)
  await h.signIn('mel')
  assert.equal((await deliver(h, await h.provider.logoutToken(claimsFor(h, { sub: 'nobody' })))).status, 200)
  const before = h.provider.asked.get('/jwks') ?? 0
  const tokens = await Promise.all(
    Array.from({ length: 1000 }, (_, index) =>
      h.provider.logoutToken(claimsFor(h), { kid: `unknown-${index}` }),
    ),
  )
  for (const token of tokens) assert.equal((await deliver(h, token)).status, 400)
  assert.ok((h.provider.asked.get('/jwks') ?? 0) - before <= 1)
})
