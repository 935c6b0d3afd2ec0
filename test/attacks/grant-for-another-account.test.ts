import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { admit } from '../../daemon/admit.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { grantType } from '../../protocol/tokens.ts'
import { createSigner, createVerifier, generateKey } from '../../wire/tokens.ts'

const uids: Readonly<Record<string, number>> = { atmosphere_stage: 2001, oceans_stage: 2002 }

test('a grant for one account, filed by another, is refused', async () => {
  const signer = await createSigner(await generateKey())
  const now = Date.now()
  const verifier = createVerifier({ jwks: signer.jwks(), issuer: 'hub', now: () => now })
  const id = randomUUID()
  const iat = Math.floor(now / 1000)
  const grant = await signer.sign(grantType, {
    iss: 'hub',
    aud: 'site',
    sub: 'jacintar',
    groups: [],
    session: 's',
    elevation: null,
    policy: 1,
    audit: '1:0',
    request: { action: 'hold', account: 'atmosphere_stage', workflow: 'clouds', args: {} },
    iat,
    exp: iat + 60,
    jti: id,
  })
  const rules = {
    site: 'site',
    verifier: () => verifier,
    uidOf: (account: string) => uids[account],
    grantsFrom: () => 0,
    strangerOf: async () => undefined,
    isSeveral: () => false,
    accountOf: (uid: number) => Object.keys(uids).find((account) => uids[account] === uid),
  }
  const file = (uid: number) => ({
    bytes: Buffer.from(JSON.stringify({ version: 1, id, grant })),
    uid,
    ctimeMs: now,
  })
  await assert.rejects(
    admit(file(2002), rules),
    (error) => error instanceof SeneschalError && error.code === 'grant.wrong-account',
  )
  assert.equal((await admit(file(2001), rules)).person, 'jacintar')
})
