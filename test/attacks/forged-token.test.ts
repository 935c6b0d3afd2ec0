/** Row 4, for assertion and grant: `alg: none`, the public key as a secret, keys of the liar's own, tokens of another type. */
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { UnsecuredJWT } from 'jose'
import { admit } from '../../daemon/admit.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { type Assertion, assertionType, type Grant, grantType } from '../../protocol/tokens.ts'
import { createVerifier } from '../../wire/tokens.ts'
import { codeOf } from '../harness/code-of.ts'
import { forgedTokens } from '../harness/forged.ts'
import { account, audience, issuer, startUiServer, type UiServerRoad } from '../harness/ui-server.ts'

const id = '0193a3c0-0000-7000-8000-000000000001'

const claimsAt = (road: UiServerRoad) => {
  const iat = Math.floor(road.now.value / 1000)
  return { iss: issuer, sub: 'admin', groups: ['oidc/site-admins'], session: 's', iat, exp: iat + 60 }
}
const assertionAt = (road: UiServerRoad): Assertion => ({ ...claimsAt(road), aud: audience, elevation: null })
const grantAt = (road: UiServerRoad): Grant => ({
  ...claimsAt(road),
  aud: 'site',
  elevation: { class: 'write', until: road.now.value + 60_000 },
  policy: 1,
  audit: '1:0',
  request: { action: 'hold', account, workflow: 'clouds', args: {} },
  jti: id,
})

/** With what the hub's own key makes of the same claims under another `typ`. */
const withOtherTypes = async (
  road: UiServerRoad,
  type: string,
  claims: Assertion | Grant,
  tokens: Readonly<Record<string, string>>,
) => {
  const all: Record<string, string> = {
    ...tokens,
    'nothing but the claims': new UnsecuredJWT({ ...claims }).encode(),
  }
  for (const other of [grantType, assertionType, 'JWT', 'at+jwt', 'logout+jwt', ''])
    if (other !== type)
      all[`the type ${other || 'of nothing'}`] = await road.signer.sign(other as typeof grantType, claims)
  return all
}

test('no forged assertion opens a UI server, over HTTP or as a socket', async (t) => {
  const road = await startUiServer(t)
  const claims = assertionAt(road)
  const forged = forgedTokens({
    type: assertionType,
    claims,
    jwks: road.signer.jwks(),
    genuine: await road.assertion('mel'),
  })
  const tokens = await withOtherTypes(road, assertionType, claims, forged)
  for (const [what, token] of Object.entries(tokens)) {
    const answer = await road.request('/workflows', { token })
    assert.deepEqual([answer.status, codeOf(answer)], [401, 'token.invalid'], what)
  }
  for (const what of ['alg none', 'its key in the header', 'HS256 by the public key as bytes'])
    await assert.rejects(road.listen('', tokens[what]), { status: 401 }, what)
  assert.equal(
    (await road.request('/workflows', { token: await road.signer.sign(assertionType, claims) })).status,
    200,
  )
})

test('no forged assertion sent up an open socket prolongs it', async (t) => {
  const road = await startUiServer(t, { assertionMayLast: 300 })
  const heard = await road.listen('', await road.assertion('mel'))
  const claims = assertionAt(road)
  const genuine = await road.assertion('mel')
  const tokens = forgedTokens({ type: assertionType, claims, jwks: road.signer.jwks(), genuine })
  for (const token of Object.values(tokens)) heard.socket.send(token)
  heard.socket.send(await road.grant())
  const timer = setInterval(() => heard.socket.send(tokens['alg none'] ?? ''), 50)
  t.after(() => clearInterval(timer))
  assert.equal(await heard.closed, 1012)
})

test('a good assertion of somebody else, sent up an open socket, ends it', async (t) => {
  const road = await startUiServer(t)
  for (const other of [await road.assertion('admin'), await road.assertion('mel', { session: 'another' })]) {
    const heard = await road.listen('', await road.assertion('mel'))
    heard.socket.send(other)
    assert.equal(await heard.closed, 4003)
  }
})

test('no forged grant passes the UI server, and none the daemon', async (t) => {
  const road = await startUiServer(t)
  const claims = grantAt(road)
  const jwks = road.signer.jwks()
  const forged = forgedTokens({ type: grantType, claims, jwks, genuine: await road.grant() })
  const tokens = await withOtherTypes(road, grantType, claims, forged)
  const now = () => road.now.value
  const verifier = createVerifier({ jwks, issuer, now })
  const rules = {
    site: 'site',
    verifier: () => verifier,
    uidOf: () => 2001,
    accountOf: () => account,
    isSeveral: () => false,
    grantsFrom: () => 0,
    strangerOf: async () => undefined,
  }
  const file = (grant: string) => ({
    bytes: Buffer.from(JSON.stringify({ version: 1, id, grant })),
    uid: 2001,
    ctimeMs: now(),
  })
  const token = await road.signer.sign(assertionType, { ...claims, ...assertionAt(road) }).catch(() => '')
  for (const [what, grant] of Object.entries({ ...tokens, 'an assertion with a request in it': token })) {
    const answer = await road.request('/actions', { method: 'POST', body: JSON.stringify({ id, grant }) })
    assert.equal(codeOf(answer), 'grant.invalid', `${what}: ${answer.text}`)
    await assert.rejects(
      admit(file(grant), rules),
      (error) => error instanceof SeneschalError && error.code === 'grant.invalid',
      what,
    )
  }
  assert.deepEqual(await readdir(road.inbox), [])
  const good = await road.signer.sign(grantType, claims)
  assert.equal((await admit(file(good), rules)).person, 'admin')
})
