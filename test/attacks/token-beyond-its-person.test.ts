/** A script's token that would see more than its person may now, or than it was made for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AccountsBody } from '../../protocol/api.ts'
import { closeCodes } from '../../protocol/frames.ts'
import { codeOf } from '../harness/code-of.ts'
import { permissions, startTestHub } from '../harness/hub.ts'
import { makeToken, type Script } from '../harness/script.ts'
import { layer } from '../harness/site-feed.ts'
import { until } from '../harness/until.ts'

const seen = async (script: Pick<Script, 'ask'>) => {
  const { body, text } = await script.ask('GET', '/api/accounts')
  assert.ok(body !== undefined, text)
  return (body as AccountsBody).accounts.flatMap(({ workflows }) =>
    workflows.map(({ summary }) => `${summary.account}/${summary.workflow}`),
  )
}

test('a token sees what its person may see and it was made for, on the wall too', async (t) => {
  const h = await startTestHub(t)
  const mel = await h.signIn('mel')
  assert.deepEqual(await seen(await makeToken(h, mel)), ['atmosphere_stage/clouds', 'oceans_stage/waves'])
  const on = [{ account: 'oceans_stage', workflow: 'waves' }]
  const script = await makeToken(h, mel, { scope: { reads: ['view'], on } })
  assert.deepEqual(await seen(script), ['oceans_stage/waves'])
  assert.equal(codeOf(await script.ask('GET', '/api/accounts/atmosphere_stage')), 'account.unknown')
  assert.equal(codeOf(await script.ask('GET', '/u/atmosphere_stage/workflows')), 'account.unknown')
  const wall = await makeToken(h, mel, { scope: { reads: ['wall'], on } })
  const { messages, socket } = await wall.socket('/api/wall')
  await until(() => messages.some((text) => text.includes('"reset"')))
  assert.ok(messages.join('').includes('waves') && !messages.join('').includes('clouds'))
  socket.terminate()
})

test('a token made for viewing reads no logs, source or search', async (t) => {
  const h = await startTestHub(t)
  const script = await makeToken(h, await h.signIn('jacintar'))
  const job = encodeURIComponent('clouds//1/climb/01')
  for (const path of [`jobs/${job}/logs`, 'workflows/clouds/source', 'search?text=x&workflow=clouds'])
    assert.equal(codeOf(await script.ask('GET', `/u/atmosphere_stage/${path}`)), 'permission.denied', path)
})

test('nobody learns by a token what is hidden from them', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  const ask = (on: object) =>
    browser.change('POST', '/api/tokens', { name: 'probe', scope: { reads: ['view'], on: [on] } })
  const hidden = await ask({ account: 'atmosphere_stage', workflow: 'secret' })
  const absent = await ask({ account: 'atmosphere_stage', workflow: 'nothing' })
  assert.deepEqual([hidden.status, codeOf(hidden)], [404, 'workflow.unknown'])
  assert.deepEqual([absent.status, codeOf(absent)], [404, 'workflow.unknown'])
  assert.equal(codeOf(await ask({ account: 'oceans_stage' })), 'account.unknown')
  assert.deepEqual(await h.audited('token.created'), [])
})

test('what is taken from the person is taken from the token, also from its open sockets', async (t) => {
  const h = await startTestHub(t)
  const script = await makeToken(h, await h.signIn('mel'))
  assert.ok((await seen(script)).includes('oceans_stage/waves'))
  await h.permissions(
    permissions({
      version: 2,
      accounts: {
        atmosphere_stage: { owners: [], cli: 'refuse', workflows: {} },
        oceans_stage: { owners: [], cli: 'refuse', layer: layer({ read: ['user:owner'] }), workflows: {} },
      },
    }),
  )
  await until(async () => !(await seen(script)).includes('oceans_stage/waves'))
  const { closed } = await script.socket('/api/wall')
  await h.permissions(permissions({ version: 3, locks: { persons: ['mel'], accounts: [], hosts: [] } }))
  assert.equal(await closed, closeCodes.forbidden)
  assert.equal(codeOf(await script.ask('GET', '/api/accounts')), 'lock.held')
})

test('a token sleeps once nobody vouched for its person for too long, and wakes when they sign in', async (t) => {
  const h = await startTestHub(t, { config: { tokens: { groupsMaxAge: 'P2D' } } })
  const script = await makeToken(h, await h.signIn('mel'))
  h.shift(2 * 24 * 3_600_000 + 60_000)
  const asleep = await script.ask('GET', '/api/accounts')
  assert.deepEqual([asleep.status, codeOf(asleep)], [401, 'token.asleep'])
  await h.signIn('mel')
  assert.equal((await script.ask('GET', '/api/session')).status, 200)
})

test('a token bound to addresses is none elsewhere', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('mel')
  const elsewhere = await makeToken(h, browser, { addresses: ['192.0.2.0/24', '2001:db8::1'] })
  assert.equal(codeOf(await elsewhere.ask('GET', '/api/session')), 'token.elsewhere')
  const forwarded = { 'x-forwarded-for': '192.0.2.7' }
  assert.equal(codeOf(await elsewhere.ask('GET', '/api/session', forwarded)), 'token.elsewhere')
  const here = await makeToken(h, browser, { addresses: ['127.0.0.0/8'] })
  assert.equal((await here.ask('GET', '/api/session')).status, 200)
})
