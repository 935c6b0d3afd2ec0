/** Row 16: somebody who says who they are without a signature of the hub. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UnsecuredJWT } from 'jose'
import { assertionType } from '../../protocol/tokens.ts'
import { createSigner, generateKey } from '../../wire/tokens.ts'
import { codeOf } from '../harness/code-of.ts'
import { audience, issuer, startUiServer } from '../harness/ui-server.ts'

const claims = (now: number) => ({
  iss: issuer,
  aud: audience,
  sub: 'jacintar',
  groups: [],
  session: 's',
  elevation: null,
  iat: Math.floor(now / 1000),
  exp: Math.floor(now / 1000) + 60,
})

test('headers that name a person are no identity, and without one there is nothing', async (t) => {
  const road = await startUiServer(t)
  const headers = {
    'x-forwarded-user': 'jacintar',
    'x-remote-user': 'jacintar',
    'remote-user': 'jacintar',
    'x-seneschal-person': 'jacintar',
    cookie: '__Host-session=x',
  }
  for (const path of ['/workflows', '/nothing', '/../..', '/jobs', '/search?text=a']) {
    const answer = await road.request(path, { token: null, headers })
    assert.deepEqual([answer.status, codeOf(answer)], [401, 'token.invalid'], path)
  }
  await assert.rejects(road.listen('', 'a.b.c'), { status: 401 })
})

test('tokens that nobody signed, another key signed, or that came otherwise are refused', async (t) => {
  const road = await startUiServer(t)
  const other = await createSigner(await generateKey())
  const none = new UnsecuredJWT(claims(road.now.value)).encode()
  const foreign = await other.sign(assertionType, claims(road.now.value))
  for (const token of [none, foreign, '', 'x', await road.grant()])
    assert.equal((await road.request('/workflows', { token })).status, 401)
  const good = await road.assertion()
  for (const authorization of [`Basic ${good}`, good, `bearer ${good}`, `Bearer ${good}, Bearer ${good}`])
    assert.equal((await road.request('/workflows', { token: null, headers: { authorization } })).status, 401)
  assert.equal((await road.request(`/workflows?access_token=${good}`, { token: null })).status, 401)
  assert.equal((await road.request('/workflows', { token: good })).status, 200)
})
