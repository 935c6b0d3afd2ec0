/** Row 40: secrets of a hub in its log, its files or its answers. */
import assert from 'node:assert/strict'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLog } from '../../hub/log.ts'
import { startTestHub } from '../harness/hub.ts'

test('at the highest level the log holds no cookie, token, code, state or key, also when things go wrong', async (t) => {
  const h = await startTestHub(t)
  const secrets: string[] = ['a-client-secret-of-the-test-that-must-not-be-logged']
  h.provider.lies.callback = (url) =>
    secrets.push(url.searchParams.get('code') ?? '', url.searchParams.get('state') ?? '')
  h.provider.lies.idToken = (claims) => {
    secrets.push(String(claims.nonce))
    return claims
  }
  const browser = await h.signIn('admin')
  await h.raise(browser, 'write')
  secrets.push(browser.cookie('__Host-seneschal') ?? '', browser.cookie('__Host-seneschal-browser') ?? '')
  secrets.push((await h.session(browser)).csrf)
  const made = await browser.change('POST', '/api/admin/kiosks', { name: 'Wall' })
  secrets.push((made.body as { code: string }).code)
  h.provider.lies.idToken = (claims) => ({ ...claims, nonce: 'wrong' })
  await h
    .visitor()
    .submit(await h.visitor().open('/auth/login'), { name: 'mel', password: 'mel' })
    .catch(() => undefined)
  const other = h.visitor()
  await other.submit(await other.open('/auth/login'), { name: 'mel', password: 'mel' })
  const key = JSON.parse(await readFile(join(h.dir, 'hub/keys/hub.jwk.json'), 'utf8')) as { d: string }
  secrets.push(key.d)

  const log = h.logged()
  assert.ok(log.length > 500, 'there is a log')
  for (const secret of secrets) {
    assert.ok(secret.length >= 20, `${secret} is too short to look for`)
    assert.ok(!log.includes(secret), `the log holds ${secret}`)
  }
  assert.doesNotMatch(log, /eyJ[\w-]{10,}/, 'nothing that looks like a token')
})

test('what the hub keeps is readable by nobody else', async (t) => {
  const h = await startTestHub(t)
  await h.signIn('mel')
  for (const dir of ['hub', 'hub/keys', 'hub/audit'])
    assert.equal((await stat(join(h.dir, dir))).mode & 0o077, 0, dir)
  for (const name of await readdir(join(h.dir, 'hub'))) {
    const found = await stat(join(h.dir, 'hub', name))
    assert.equal(found.mode & 0o077, 0, name)
  }
  assert.equal((await stat(join(h.dir, 'hub/keys/hub.jwk.json'))).mode & 0o777, 0o600)
})

test('whatever is handed to the log, a query, a body or the properties of an error do not get into it', () => {
  const lines: string[] = []
  const log = createLog({ logLevel: 'trace', name: 'test' }, { write: (line) => void lines.push(line) })
  const secret = 'a-secret-that-nobody-reads'
  log.info({
    req: { method: 'GET', url: `/auth/callback?code=${secret}&state=${secret}`, headers: { cookie: secret } },
  })
  const cause = Object.assign(new Error('inner'), { body: secret, response: { secret } })
  log.error({ err: Object.assign(new Error('outer', { cause }), { token: secret }) })
  assert.equal(lines.length, 2)
  assert.match(lines[0] ?? '', /"path":"\/auth\/callback"/)
  assert.match(lines[1] ?? '', /outer.*inner/)
  assert.ok(!lines.join('').includes(secret))
})
