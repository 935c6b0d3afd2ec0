/** Row 40: whoever writes to the hub's database puts one person's sealed tokens into another's session. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { createSeal } from '../../hub/auth/seal.ts'
import { createSessions } from '../../hub/auth/sessions.ts'
import { openStore } from '../../hub/store/open.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const person = (name: string) => ({
  ...{ person: name, displayName: name, issuer: 'i', subject: name, groups: [], providerSid: null },
  ...{ expiresAt: Date.now() + 60_000, idToken: null, tokens: { refresh: `of ${name}` } },
})

test('sealed tokens open in the session that they were sealed for, and nowhere else', async (t) => {
  const { db, close } = await openStore(join(await temporaryDirectory(t), 'hub.sqlite'))
  t.after(close)
  const seal = createSeal(randomBytes(32))
  const sessions = createSessions({ db, seal, now: Date.now })
  const { session: mel } = await sessions.create(person('mel'))
  const { session: admin } = await sessions.create(person('admin'))
  assert.deepEqual((await sessions.tokensOf(mel.name))?.tokens, { refresh: 'of mel' })
  const stolen = await db
    .selectFrom('sessions')
    .select('provider_tokens')
    .where('name', '=', admin.name)
    .executeTakeFirstOrThrow()
  await db.updateTable('sessions').set(stolen).where('name', '=', mel.name).execute()
  assert.equal(await sessions.tokensOf(mel.name), undefined)
  assert.equal(
    await createSessions({ db, seal: createSeal(randomBytes(32)), now: Date.now }).tokensOf(admin.name),
    undefined,
  )
})

test('a sealed text that was changed or cut does not open', () => {
  const seal = createSeal(randomBytes(32))
  const sealed = seal.close('a token', 'mel')
  assert.equal(seal.open(sealed, 'mel'), 'a token')
  for (const wrong of [
    '',
    'AAAA',
    sealed.slice(0, -2),
    `${sealed.slice(0, 20)}${sealed[20] === 'A' ? 'B' : 'A'}${sealed.slice(21)}`,
  ])
    assert.equal(seal.open(wrong, 'mel'), undefined, wrong)
})
