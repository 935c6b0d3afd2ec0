import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SignJWT, UnsecuredJWT } from 'jose'
import { SeneschalError } from '../../protocol/errors.ts'
import { type Assertion, assertionType, type Grant, grantType } from '../../protocol/tokens.ts'
import { createSigner, createVerifier, generateKey } from '../../wire/tokens.ts'

const at = Date.parse('2026-11-22T06:00:00Z')
const iat = at / 1000
const grant: Grant = {
  iss: 'https://hub.example',
  aud: 'site',
  sub: 'jacintar',
  groups: ['oidc/ops'],
  session: 's1',
  elevation: { class: 'execute', until: at + 1000 },
  policy: 1,
  audit: 'head',
  request: {
    action: 'stop',
    account: 'atmosphere_stage',
    workflow: 'clouds',
    cycle: '1234',
    task: 'climb',
    args: {},
  },
  iat,
  exp: iat + 60,
  jti: '0193a3c0-0000-7000-8000-000000000000',
}
const assertion: Assertion = {
  iss: grant.iss,
  aud: 'atmosphere_stage/i1',
  sub: 'jacintar',
  groups: [],
  session: 's1',
  elevation: null,
  iat,
  exp: iat + 60,
}

const key = await generateKey()
const signer = await createSigner(key)
const verifier = createVerifier({ jwks: signer.jwks(), issuer: grant.iss, now: () => at })
const code = (expected: string) => (error: unknown) =>
  error instanceof SeneschalError && error.code === expected

test('a grant comes back as it was signed, and its private key is not in the set', async () => {
  assert.deepEqual(await verifier.verifyGrant(await signer.sign(grantType, grant), 'site', at), grant)
  assert.equal(JSON.stringify(signer.jwks()).includes(key.d ?? '-'), false)
})

test('an assertion does not pass for a grant, nor a grant for an assertion', async () => {
  await assert.rejects(
    verifier.verifyGrant(await signer.sign(assertionType, assertion), 'site', at),
    code('grant.invalid'),
  )
  await assert.rejects(
    verifier.verifyAssertion(await signer.sign(grantType, grant), 'atmosphere_stage/i1'),
    code('token.invalid'),
  )
})

test('a grant is refused after its end, before its time, for another site, by another issuer or key', async () => {
  const token = await signer.sign(grantType, grant)
  await assert.rejects(verifier.verifyGrant(token, 'site', at + 66_000), code('grant.expired'))
  await assert.rejects(verifier.verifyGrant(token, 'site', at - 60_000), code('grant.invalid'))
  await assert.rejects(verifier.verifyGrant(token, 'elsewhere', at), code('grant.wrong-site'))
  const other = await createSigner(await generateKey())
  await assert.rejects(
    verifier.verifyGrant(await other.sign(grantType, grant), 'site', at),
    code('grant.invalid'),
  )
  const iss = await signer.sign(grantType, { ...grant, iss: 'https://evil.example' })
  await assert.rejects(verifier.verifyGrant(iss, 'site', at), code('grant.invalid'))
})

test('a grant with a claim nobody knows is refused', async () => {
  const token = await signer.sign(grantType, { ...grant, admin: true } as Grant)
  await assert.rejects(verifier.verifyGrant(token, 'site', at), code('grant.invalid'))
})

test('alg none and HS256 keyed with the public key are refused', async () => {
  const none = new UnsecuredJWT({ ...grant }).encode()
  await assert.rejects(verifier.verifyGrant(none, 'site', at), code('grant.invalid'))
  const published = new TextEncoder().encode(JSON.stringify(signer.jwks().keys[0]))
  const forged = await new SignJWT({ ...grant })
    .setProtectedHeader({ alg: 'HS256', typ: grantType, kid: key.kid ?? '' })
    .sign(published)
  await assert.rejects(verifier.verifyGrant(forged, 'site', at), code('grant.invalid'))
})
