import assert from 'node:assert/strict'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { JSONWebKeySet } from 'jose'
import { createSigner, jwksFile } from '../../hub/signer.ts'
import { createVouched } from '../../hub/vouched.ts'
import { createVerifier } from '../../wire/tokens.ts'
import { nobody } from '../harness/serving.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

test('a hub whose key was retired signs with a new one, and what it had signed is still believed', async (t) => {
  const keys = await temporaryDirectory(t)
  const issuer = 'https://hub.test'
  const now = Date.now
  const vouched = createVouched({ snapshot: () => undefined })
  const start = () =>
    createSigner({ keys, issuer, name: 'hub', siteOf: () => 'test', vouched, now, wall: now })
  const audience = 'atmosphere_stage/one'
  const before = await start()
  const token = await before.assertion(nobody, audience)
  await mkdir(join(keys, 'retired'), { recursive: true })
  await rename(join(keys, 'hub.jwk.json'), join(keys, 'retired/first.jwk.json'))

  const after = await start()
  const published = JSON.parse(await readFile(join(keys, jwksFile), 'utf8')) as JSONWebKeySet
  assert.deepEqual(published, after.jwks())
  assert.equal(published.keys.length, 2)
  assert.equal(
    published.keys.some((key) => 'd' in key),
    false,
  )
  const verifier = createVerifier({ jwks: published, issuer, now })
  for (const signed of [token, await after.assertion(nobody, audience)])
    assert.equal((await verifier.verifyAssertion(signed, audience)).sub, nobody.person)

  await writeFile(join(keys, 'retired/broken.jwk.json'), '{}')
  await assert.rejects(start())
})
