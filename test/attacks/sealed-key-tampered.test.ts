/** The sealed key: with a bit flipped, readable by others, of another user, a link, and guessed at. */
import assert from 'node:assert/strict'
import { chmod, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeSealedKey, openSealedKey } from '../../hub/break-glass/sealed-key.ts'
import { passphrase, setUpHost } from '../harness/break-glass.ts'
import { startTestHub } from '../harness/hub.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const refused = { code: 'break-glass.refused' }

test('a sealed key of which anything was changed does not open', async (t) => {
  const keys = await temporaryDirectory(t)
  const path = await makeSealedKey(keys, passphrase)
  const text = await readFile(path, 'utf8')
  await openSealedKey(keys, passphrase)
  const fields = JSON.parse(text) as Record<string, string>
  for (const name of ['public', 'salt', 'iv', 'tag', 'key']) {
    const value = fields[name] ?? ''
    const flipped = `${value[0] === 'A' ? 'B' : 'A'}${value.slice(1)}`
    await writeFile(path, JSON.stringify({ ...fields, [name]: flipped }))
    await assert.rejects(openSealedKey(keys, passphrase), refused, name)
  }
  for (const lie of [
    '',
    '{',
    JSON.stringify({ ...fields, kdf: 'none' }),
    JSON.stringify({ ...fields, v: 2 }),
  ]) {
    await writeFile(path, lie)
    await assert.rejects(openSealedKey(keys, passphrase), refused, lie)
  }
})

test('a sealed key that others may read, or that is a link, is not used; one that is there is not replaced', async (t) => {
  const keys = await temporaryDirectory(t)
  const path = await makeSealedKey(keys, passphrase)
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  await assert.rejects(makeSealedKey(keys, passphrase), refused)
  await assert.rejects(makeSealedKey(await temporaryDirectory(t), 'short'), refused)
  for (const mode of [0o640, 0o604, 0o660, 0o602]) {
    await chmod(path, mode)
    await assert.rejects(openSealedKey(keys, passphrase), /Others can read or write/)
  }
  await chmod(path, 0o600)
  await rename(path, join(keys, 'elsewhere'))
  await symlink(join(keys, 'elsewhere'), path)
  await assert.rejects(openSealedKey(keys, passphrase), /is a link/)
})

test('after five wrong passphrases nobody tries another for a while, and each is recorded', async (t) => {
  const h = await startTestHub(t)
  let at = Date.now()
  const host = await setUpHost(t, h, () => at)
  await h.signIn('mel')
  for (let round = 0; round < 5; round += 1)
    await assert.rejects(host.order('mel', 15, {}, `wrong passphrase number ${round}`), refused)
  await assert.rejects(host.order('mel'), { code: 'rate.limited' })
  await h.hub.tick()
  const tries = await h.audited('break-glass.refused')
  assert.deepEqual(
    tries.map(({ person, args }) => [person, args?.by]),
    Array.from({ length: 5 }, () => ['mel', 'seneschal']),
  )
  at += 10 * 60_000 + 1000
  assert.match(await host.order('mel'), /^[a-z0-9]{26}$/)
})
