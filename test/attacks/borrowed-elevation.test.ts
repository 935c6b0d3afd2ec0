/** Rows 29 and 30: raised privileges used by another browser, after their end, or with the clock set back (39). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf } from '../harness/code-of.ts'
import { startTestHub } from '../harness/hub.ts'
import type { Visitor } from '../harness/visitor.ts'

const stop = (browser: Visitor) =>
  browser.change('POST', '/api/accounts/atmosphere_stage/actions/stop', {
    workflow: 'clouds',
    cycle: '1',
    task: 'climb',
    args: {},
  })

test('another browser of the same person stays read-only, and its refused action is recorded', async (t) => {
  const h = await startTestHub(t)
  const raised = await h.signIn('jacintar')
  const other = await h.signIn('jacintar')
  await h.raise(raised)
  assert.equal((await h.session(other)).elevation, null)
  assert.equal(codeOf(await stop(other)), 'elevation.required')
  const [record] = await h.audited('action.refused')
  assert.equal(
    record?.sentence,
    'User jacintar was refused to stop atmosphere_stage.clouds.climb.1 task (elevation.required)',
  )
  assert.equal((await stop(raised)).status, 202)
})

test('from the millisecond in which they end, nothing can be done with them', async (t) => {
  const h = await startTestHub(t, { config: { elevation: { duration: 'PT30S' } } })
  const browser = await h.signIn('jacintar')
  await h.raise(browser)
  assert.equal((await stop(browser)).status, 202)
  h.shift(30_000)
  const answer = await stop(browser)
  assert.equal(answer.status, 403)
  assert.equal(codeOf(answer), 'elevation.ended')
})

test('privileges raised to execute do not reach what needs write, or administration', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('admin')
  await h.raise(browser, 'execute')
  const edit = await browser.change('POST', '/api/accounts/atmosphere_stage/actions/reload', {
    workflow: 'clouds',
    args: {},
  })
  assert.equal(codeOf(edit), 'elevation.required')
  assert.equal(codeOf(await browser.ask('GET', '/api/admin/kiosks')), 'elevation.required')
  await h.raise(browser, 'write')
  assert.equal((await browser.ask('GET', '/api/admin/kiosks')).status, 200)
})

test('raising gives no right that the permissions do not', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  await h.raise(browser, 'write')
  const edit = await browser.change('POST', '/api/accounts/atmosphere_stage/actions/reload', {
    workflow: 'clouds',
    args: {},
  })
  assert.equal(codeOf(edit), 'permission.denied')
  assert.equal(codeOf(await browser.ask('GET', '/api/admin/kiosks')), 'permission.denied')
})

test('a clock set back ends raised privileges instead of prolonging them', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  await h.raise(browser)
  h.shift(-60_000)
  await h.hub.tick()
  await h.hub.tick()
  assert.equal((await h.session(browser)).elevation, null)
  const [record, ...more] = await h.audited('elevation.ended')
  assert.match(record?.reason ?? '', /clock was set back/)
  assert.equal(more.length, 0)
})

test('a clock set back while the hub was down prolongs neither privileges nor sessions', async (t) => {
  const h = await startTestHub(t, { config: { session: { maxAge: 'PT1H' } } })
  const browser = await h.signIn('jacintar')
  await h.raise(browser)
  const cookie = browser.cookie('__Host-seneschal') ?? ''
  h.shift(30 * 60_000)
  await h.hub.tick()
  await h.hub.close()
  const later = await startTestHub(t, {
    dir: h.dir,
    provider: h.provider,
    config: { session: { maxAge: 'PT1H' } },
  })
  const back = later.visitor()
  back.setCookie('__Host-seneschal', cookie)
  await later.hub.tick()
  const me = await later.session(back)
  assert.equal(me.elevation, null)
  assert.ok(me.now - Date.now() > 29 * 60_000, 'time went on from where it was')
  later.shift(31 * 60_000 + 30 * 60_000)
  assert.equal((await back.ask('GET', '/api/session')).status, 401)
})
