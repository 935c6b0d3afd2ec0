/** Tokens of scripts: made once, listed, used, revoked, over. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isTokenShaped, newToken } from '../../hub/auth/token-format.ts'
import type { SessionBody } from '../../protocol/api.ts'
import { closeCodes } from '../../protocol/frames.ts'
import { type TokenRow, tokensBody } from '../../protocol/script-tokens.ts'
import { codeOf } from '../harness/code-of.ts'
import { startTestHub, type TestHub } from '../harness/hub.ts'
import { makeToken } from '../harness/script.ts'
import { until } from '../harness/until.ts'
import type { Visitor } from '../harness/visitor.ts'

const day = 24 * 3_600_000

const list = async (by: Visitor, path = '/api/tokens'): Promise<readonly TokenRow[]> => {
  const { body, text } = await by.ask('GET', path)
  assert.ok(body !== undefined, text)
  return tokensBody.parse(body).tokens
}
const stored = async (h: TestHub): Promise<string> => {
  const files = ['hub/hub.sqlite', 'hub/hub.sqlite-wal']
  return (await Promise.all(files.map((file) => readFile(join(h.dir, file), 'latin1').catch(() => '')))).join(
    '',
  )
}

test('a scanner knows a token by its prefix and checksum; a slip of one character makes it none', () => {
  for (let round = 0; round < 200; round += 1) {
    const token = newToken()
    assert.ok(isTokenShaped(token), token)
    const at = 4 + (round % (token.length - 4))
    const other = token[at] === 'x' ? 'y' : 'x'
    assert.ok(!isTokenShaped(`${token.slice(0, at)}${other}${token.slice(at + 1)}`), `${token} at ${at}`)
  }
})

test('a token is shown once, stored as a hash, told in no log, and reads for its person', async (t) => {
  const h = await startTestHub(t)
  const mel = await h.signIn('mel')
  const script = await makeToken(h, mel, { name: 'nightly report' })
  const session = (await script.ask('GET', '/api/session')).body as SessionBody
  assert.deepEqual([session.person, session.token?.name, session.elevation], ['mel', 'nightly report', null])
  const [row] = await list(mel)
  assert.deepEqual([row?.token, row?.state, row?.person], [script.row.token, 'good', 'mel'])
  assert.ok(!(await stored(h)).includes(script.token) && !h.logged().includes(script.token))
  assert.ok(!JSON.stringify(await h.audited()).includes(script.token))
  const [made] = await h.audited('token.created')
  assert.match(
    made?.sentence ?? '',
    /^User mel created a token nightly report \(\w{10}\) for view of all that they may view until \d{4}-/,
  )
  assert.equal(Math.round(((row?.expiresAt ?? 0) - (row?.createdAt ?? 0)) / day), 30)
})

test('a token is good for as long as was asked, at most as the site allows', async (t) => {
  const h = await startTestHub(t, { config: { tokens: { longest: 'P10D' } } })
  const mel = await h.signIn('mel')
  const asked = { name: 'x', scope: { reads: ['view'], on: null } }
  const tooLong = await mel.change('POST', '/api/tokens', { ...asked, lasts: 11 * day })
  assert.equal(codeOf(tooLong), 'input.invalid')
  const usual = await makeToken(h, mel)
  assert.equal(usual.row.expiresAt - usual.row.createdAt, 10 * day, 'no longer than the longest')
  const short = await makeToken(h, mel, { lasts: 3_600_000 })
  const { closed } = await short.socket('/api/wall')
  h.shift(3_600_000)
  assert.equal(codeOf(await short.ask('GET', '/api/session')), 'token.invalid')
  await h.hub.tick()
  assert.equal(await closed, closeCodes.sessionEnded)
  await h.hub.tick()
  assert.equal((await h.audited('token.expired')).length, 1)
})

test('what makes no sense is refused: no reads, wall beside others, names that hide, addresses that are none', async (t) => {
  const h = await startTestHub(t)
  const mel = await h.signIn('mel')
  const good = { name: 'x', scope: { reads: ['view'], on: null } }
  for (const over of [
    { scope: { reads: [], on: null } },
    { scope: { reads: ['wall', 'view'], on: null } },
    { scope: { reads: ['view', 'view'], on: null } },
    { scope: { reads: ['hold'], on: null } },
    { scope: { reads: ['view'], on: [] } },
    { scope: { reads: ['view'] } },
    { name: '' },
    { name: 'two\nlines' },
    { name: '\u202egnp.exe' },
    { addresses: ['10.0.0.0/33'] },
    { addresses: [] },
    { lasts: -1 },
    { elevation: 'write' },
  ])
    assert.equal(
      codeOf(await mel.change('POST', '/api/tokens', { ...good, ...over })),
      'input.invalid',
      JSON.stringify(over),
    )
  assert.deepEqual(await list(mel), [])
})

test('the first use of a day and address is recorded, the last one shown', async (t) => {
  const h = await startTestHub(t)
  const mel = await h.signIn('mel')
  const script = await makeToken(h, mel)
  for (let round = 0; round < 5; round += 1) await script.ask('GET', '/api/session')
  h.shift(day)
  await script.ask('GET', '/api/session')
  await until(async () => (await h.audited('token.used')).length === 2)
  const used = await h.audited('token.used')
  assert.deepEqual(
    used.map(({ person, address, session }) => [person, address, session]),
    Array.from({ length: 2 }, () => ['mel', '127.0.0.1', `token:${script.row.token}`]),
  )
  assert.match(used[0]?.sentence ?? '', /^User mel used a token nightly report \(\w+\) \(by token\)$/)
  // Written down every thirty looks.
  for (let look = 0; look < 31; look += 1) await h.hub.tick()
  const [row] = await list(mel)
  assert.ok(row?.usedAt !== null && row?.usedFrom === '127.0.0.1')
})

test('a token ends at once when its person revokes it, with its sockets; another person cannot', async (t) => {
  const h = await startTestHub(t)
  const mel = await h.signIn('mel')
  const other = await h.signIn('jacintar')
  const script = await makeToken(h, mel)
  const { closed } = await script.socket('/api/wall')
  const path = `/api/tokens/${script.row.token}`
  assert.equal(codeOf(await other.change('DELETE', path)), 'token.unknown')
  assert.equal((await mel.change('DELETE', path)).status, 204)
  assert.equal(await closed, closeCodes.sessionEnded)
  assert.equal(codeOf(await script.ask('GET', '/api/session')), 'token.invalid')
  assert.equal(codeOf(await mel.change('DELETE', path)), 'token.unknown')
  const [row] = await list(mel)
  assert.deepEqual([row?.state, row?.revokedBy], ['revoked', 'mel'])
})

test('an administrator sees and revokes everybody’s, raised; nobody else does', async (t) => {
  const h = await startTestHub(t)
  const script = await makeToken(h, await h.signIn('mel'))
  const admin = await h.signIn('admin')
  assert.equal(codeOf(await admin.ask('GET', '/api/admin/tokens')), 'elevation.required')
  await h.raise(admin, 'write')
  assert.deepEqual(
    (await list(admin, '/api/admin/tokens')).map(({ token }) => token),
    [script.row.token],
  )
  assert.equal((await admin.change('DELETE', `/api/admin/tokens/${script.row.token}`)).status, 204)
  assert.equal(codeOf(await script.ask('GET', '/api/session')), 'token.invalid')
  const [record] = await h.audited('token.revoked')
  assert.match(record?.sentence ?? '', /^User admin revoked a token nightly report \(\w+\) of mel$/)
  const other = await h.signIn('jacintar')
  assert.equal(codeOf(await other.ask('GET', '/api/admin/tokens')), 'permission.denied')
})

test('a script that runs wild is slowed down, and no other', async (t) => {
  const h = await startTestHub(t, { config: { tokens: { perMinute: 10 } } })
  const mel = await h.signIn('mel')
  const [wild, calm] = [await makeToken(h, mel), await makeToken(h, mel)]
  const answers = []
  for (let round = 0; round < 12; round += 1) answers.push((await wild.ask('GET', '/api/session')).status)
  assert.deepEqual(answers.slice(8), [200, 200, 429, 429])
  assert.equal((await calm.ask('GET', '/api/session')).status, 200)
  h.shift(60_000)
  assert.equal((await wild.ask('GET', '/api/session')).status, 200)
})

test('a script whose own client says a mode and nothing else of a page is let in; one that says a site is not', async (t) => {
  const h = await startTestHub(t)
  const script = await makeToken(h, await h.signIn('mel'))
  assert.equal((await script.ask('GET', '/api/session', { 'sec-fetch-mode': 'cors' })).status, 200)
  const headers = { authorization: `Bearer ${script.token}` }
  const answer = await fetch(`http://127.0.0.1:${h.port}/api/session`, { headers })
  assert.equal(answer.status, 200, 'the fetch of Node')
  for (const name of ['sec-fetch-site', 'sec-fetch-dest', 'sec-fetch-user'])
    assert.equal(codeOf(await script.ask('GET', '/api/session', { [name]: 'none' })), 'token.misused')
})
