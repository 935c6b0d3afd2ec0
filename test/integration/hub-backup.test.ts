/** A hub is backed up while people use it, and restored: nobody is signed in, nothing else is lost. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { verifyChain } from '../../durable/chain-verify.ts'
import { backUpHub, restoreHub } from '../../hub/backup.ts'
import { startTestHub, type TestHub } from '../harness/hub.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const makeKiosk = async (h: TestHub): Promise<void> => {
  const admin = await h.signIn('admin')
  await h.raise(admin, 'write')
  const answer = await admin.change('POST', '/api/admin/kiosks', { name: 'Corridor' })
  assert.equal(answer.status, 201, answer.text)
}
const backUp = async (h: TestHub, to: string, withKeys: boolean) => {
  const configFile = join(h.dir, 'hub.yaml')
  writeFileSync(configFile, '# as an administrator wrote it\n')
  return backUpHub({ config: h.config, configFile, to, withKeys, now: Date.now })
}
/** The same hub in another place. */
const elsewhere = async (t: TestContext, { config }: TestHub) => {
  const dir = await temporaryDirectory(t)
  const at = (name: string) => join(dir, 'hub', name)
  return { dir, config: { ...config, database: at('hub.sqlite'), keys: at('keys'), audit: at('audit') } }
}
const keyOf = (dir: string): string =>
  (JSON.parse(readFileSync(join(dir, 'hub/keys/hub.jwk.json'), 'utf8')) as { kid: string }).kid

test('sessions end; persons, kiosks, keys and the audit chain stay; it says that it was restored', async (t) => {
  const h = await startTestHub(t)
  await makeKiosk(h)
  const jacintar = await h.signIn('jacintar')
  const backup = join(await temporaryDirectory(t), 'backup')
  await backUp(h, backup, true)
  assert.equal((await jacintar.ask('GET', '/api/session')).status, 200, 'nobody notices')
  assert.equal(statSync(backup).mode & 0o777, 0o700)
  await h.hub.close()

  const { dir, config } = await elsewhere(t, h)
  await restoreHub({ config, from: backup, replace: false, now: Date.now })
  const restored = await startTestHub(t, { dir, provider: h.provider })
  const cookie = jacintar.cookie('__Host-seneschal') ?? ''
  const visitor = restored.visitor()
  visitor.setCookie('__Host-seneschal', cookie)
  assert.equal((await visitor.ask('GET', '/api/session')).status, 401, 'a cookie of before is dead')
  assert.equal(keyOf(dir), keyOf(h.dir))
  const admin = await restored.signIn('admin')
  await restored.raise(admin, 'write')
  const { kiosks } = (await admin.ask('GET', '/api/admin/kiosks')).body as { kiosks: { name: string }[] }
  assert.deepEqual(
    kiosks.map(({ name }) => name),
    ['Corridor'],
  )
  assert.equal((await restored.audited('hub.restored')).length, 1)
  assert.ok((await restored.audited('session.signed-in')).length >= 3, 'what was recorded before is there')
  assert.equal((await verifyChain(config.audit)).ok, true)
  await restored.hub.close()
  const later = await startTestHub(t, { dir, provider: h.provider })
  assert.equal((await later.audited('hub.restored')).length, 1, 'it says so once')
})

test('without keys a backup holds nothing with which somebody could be anybody', async (t) => {
  const h = await startTestHub(t)
  await h.signIn('jacintar')
  const backup = join(await temporaryDirectory(t), 'backup')
  const made = await backUp(h, backup, false)
  assert.equal(made.withKeys, false)
  const files = readdirSync(backup, { recursive: true, encoding: 'utf8' })
  assert.ok(!files.some((name) => /jwk|store\.key|secret/.test(name)), files.join(' '))
  const secrets = [
    readFileSync(join(h.dir, 'etc/secret'), 'utf8'),
    ...h.provider.issued,
    (JSON.parse(readFileSync(join(h.config.keys, 'hub.jwk.json'), 'utf8')) as { d: string }).d,
  ]
  for (const name of files) {
    const path = join(backup, name)
    if (!statSync(path).isFile()) continue
    const bytes = readFileSync(path, 'latin1')
    for (const secret of secrets) assert.ok(!bytes.includes(secret), name)
  }
  await h.hub.close()
  const { dir, config } = await elsewhere(t, h)
  await restoreHub({ config, from: backup, replace: false, now: Date.now })
  const restored = await startTestHub(t, { dir, provider: h.provider })
  assert.notEqual(keyOf(dir), keyOf(h.dir), 'it made a key of its own')
  await restored.signIn('jacintar')
})

test('nothing is restored over a database that is there, unless it may be moved aside', async (t) => {
  const h = await startTestHub(t)
  const backup = join(await temporaryDirectory(t), 'backup')
  await backUp(h, backup, true)
  await h.hub.close()
  const restore = (replace: boolean) => restoreHub({ config: h.config, from: backup, replace, now: Date.now })
  await assert.rejects(restore(false), { code: 'backup.invalid', message: /--replace/ })
  const { aside } = await restore(true)
  assert.ok(aside.length >= 2)
  for (const path of aside) assert.ok(existsSync(path))
  const other = await temporaryDirectory(t)
  mkdirSync(join(other, 'hub'))
  await assert.rejects(restoreHub({ config: h.config, from: other, replace: true, now: Date.now }), {
    code: 'backup.invalid',
    message: /no manifest/,
  })
  const foreign = { ...h.config, site: 'another' }
  await assert.rejects(restoreHub({ config: foreign, from: backup, replace: true, now: Date.now }), {
    code: 'backup.invalid',
    message: /of the site test, not of another/,
  })
})
