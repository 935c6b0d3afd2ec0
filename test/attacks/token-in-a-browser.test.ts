/** A script's token beside a cookie, or sent by a page: a browser that was talked into lending or using one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf } from '../harness/code-of.ts'
import { origin, startTestHub } from '../harness/hub.ts'
import { makeToken, withToken } from '../harness/script.ts'
import { until } from '../harness/until.ts'

test('a token beside a cookie or with anything that a browser sends is refused, on HTTP and sockets', async (t) => {
  const h = await startTestHub(t)
  const mel = await h.signIn('mel')
  const script = await makeToken(h, mel)
  const lies: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'its own cookie': { cookie: mel.cookieHeader(new URL(origin)) },
    'any cookie': { cookie: 'theme=dark' },
    'a foreign origin': { origin: 'https://evil.test' },
    'our own origin': { origin },
    'no origin of a page': { origin: 'null' },
    'a fetch of a page': { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' },
    'a navigation': { 'sec-fetch-mode': 'navigate' },
  }
  for (const [what, headers] of Object.entries(lies)) {
    const answer = await script.ask('GET', '/api/accounts', headers)
    assert.deepEqual([answer.status, codeOf(answer)], [400, 'token.misused'], what)
    await assert.rejects(script.socket('/api/wall', headers), { status: 400 }, what)
    await assert.rejects(script.socket('/u/atmosphere_stage/stream', headers), { status: 400 }, what)
  }
  assert.equal((await script.ask('GET', '/api/accounts')).status, 200, 'by itself it is good')
  await until(async () => (await h.audited('token.refused')).length > 0)
  const [refusal, ...more] = await h.audited('token.refused')
  assert.deepEqual([refusal?.person, refusal?.code, more.length], ['mel', 'token.misused', 0])
})

test('a bad token is no better for the good cookie beside it', async (t) => {
  const h = await startTestHub(t)
  const mel = await h.signIn('mel')
  const script = await makeToken(h, mel)
  const flipped = `${script.token.slice(0, 20)}${script.token[20] === '0' ? '1' : '0'}${script.token.slice(21)}`
  for (const token of [
    flipped,
    'sen_',
    `${script.token}x`,
    script.token.toUpperCase().replace('SEN', 'sen'),
  ]) {
    const answer = await withToken(h, token).ask('GET', '/api/accounts', {
      cookie: mel.cookieHeader(new URL(origin)),
    })
    assert.deepEqual([answer.status, codeOf(answer)], [401, 'token.invalid'], token)
  }
})

test('a token in the address, in a cookie or as another kind of authorization is none', async (t) => {
  const h = await startTestHub(t)
  const { token } = await makeToken(h, await h.signIn('mel'))
  const nobody = h.visitor()
  assert.equal(
    codeOf(await nobody.ask('GET', `/api/accounts?access_token=${token}&token=${token}`)),
    'session.missing',
  )
  const basic = { authorization: `Basic ${Buffer.from(`mel:${token}`).toString('base64')}` }
  assert.equal(codeOf(await nobody.ask('GET', '/api/accounts', { headers: basic })), 'session.missing')
  nobody.setCookie('__Host-seneschal', token)
  assert.equal(codeOf(await nobody.ask('GET', '/api/accounts')), 'session.ended')
})
