/** Row 31: somebody who is locked, or loses a right, goes on with a session and sockets that were opened before. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf } from '../harness/code-of.ts'
import { permissions, startTestHub } from '../harness/hub.ts'
import { layer } from '../harness/site-feed.ts'
import { until } from '../harness/until.ts'

test('a lock on a person closes their sockets and refuses everything but signing out', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  const bystander = await h.signIn('mel')
  await h.raise(browser)
  const socket = await browser.socket('/api/audit/stream')
  const other = await bystander.socket('/api/audit/stream')
  const { csrf } = await h.session(browser)
  const began = performance.now()
  await h.permissions(permissions({ version: 2, locks: { persons: ['jacintar'], accounts: [], hosts: [] } }))
  assert.equal(await socket.closed, 4003)
  assert.ok(performance.now() - began < 2000)
  assert.equal(other.socket.readyState, other.socket.OPEN)
  other.socket.terminate()
  for (const path of ['/api/session', '/api/accounts', '/api/audit'])
    assert.equal(codeOf(await browser.ask('GET', path)), 'lock.held')
  const stop = await browser.change(
    'POST',
    '/api/accounts/atmosphere_stage/actions/stop',
    { workflow: 'clouds', args: {} },
    csrf,
  )
  assert.equal(codeOf(stop), 'lock.held')
  await assert.rejects(browser.socket('/api/audit/stream'), { status: 403 })
  assert.equal((await browser.change('POST', '/auth/logout', undefined, csrf)).status, 200)
})

test('a right that is taken away is gone for a raised session too', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  await h.raise(browser)
  const hold = () =>
    browser.change('POST', '/api/accounts/atmosphere_stage/actions/hold', { workflow: 'clouds', args: {} })
  assert.equal((await hold()).status, 202)
  await h.permissions(permissions({ version: 2, site: layer({ read: ['everyone'], execute: ['owner'] }) }))
  await until(async () => (await hold()).status === 403)
  assert.equal(codeOf(await hold()), 'permission.denied')
})

test('permissions that nobody confirmed for a minute let nobody act', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  await h.raise(browser)
  h.shift(61_000)
  const hold = await browser.change('POST', '/api/accounts/atmosphere_stage/actions/hold', {
    workflow: 'clouds',
    args: {},
  })
  assert.equal(codeOf(hold), 'permission.stale')
  assert.equal((await browser.ask('GET', '/api/accounts')).status, 200, 'looking goes on')
})
