/** Row 30: raised privileges used by another browser, session or kiosk; rows 29 and 39: after their end, or with the clock set back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf } from '../harness/code-of.ts'
import { send } from '../harness/http.ts'
import { origin, startTestHub } from '../harness/hub.ts'
import { startServing } from '../harness/serving.ts'
import type { Visitor } from '../harness/visitor.ts'

const stopWith = (browser: Visitor, csrf?: string) => {
  const body = { workflow: 'clouds', cycle: '1', task: 'climb', args: {} }
  return browser.change('POST', '/api/accounts/atmosphere_stage/actions/stop', body, csrf)
}
const stop = (browser: Visitor) => stopWith(browser)

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

test('a tab that belongs to another session of the same browser stays read-only', async (t) => {
  const h = await startTestHub(t)
  const raised = await h.signIn('jacintar')
  await h.raise(raised)
  const { csrf } = await h.session(raised)
  // Somebody signs in over it: tabs that were open then still have the raised session's token, and the new cookie.
  const tab = h.visitor()
  tab.setCookie('__Host-seneschal', raised.cookie('__Host-seneschal') ?? '')
  await h.signIn('jacintar', tab)
  assert.equal(codeOf(await stopWith(tab, csrf)), 'csrf.invalid')
  assert.equal((await h.session(tab)).elevation, null)
  assert.equal(codeOf(await stop(tab)), 'elevation.required')
  assert.equal(codeOf(await raised.ask('GET', '/api/session')), 'session.ended', 'the raised one is over')
})

test('a token of the raised session is worth nothing beside the cookie of another', async (t) => {
  const h = await startTestHub(t)
  const raised = await h.signIn('jacintar')
  const other = await h.signIn('jacintar')
  await h.raise(raised)
  const { csrf } = await h.session(raised)
  assert.equal(codeOf(await stopWith(other, csrf)), 'csrf.invalid')
  const both = h.visitor()
  both.setCookie('__Host-seneschal', other.cookie('__Host-seneschal') ?? '')
  const cookie = `${both.cookieHeader(new URL(origin))}; __Host-seneschal=${raised.cookie('__Host-seneschal')}`
  const answer = await send(h.port, 'GET', '/api/session', { host: 'hub.test', cookie })
  assert.equal(codeOf(answer), 'session.missing', 'two sessions in one request are none')
})

test('a kiosk in the same browser gets nothing of it, and cannot raise itself', async (t) => {
  const hub = await startServing(t)
  await hub.open('atmosphere_stage')
  const raised = await hub.raise(await hub.signIn('admin'), 'write')
  const kiosk = await hub.kiosk(null)
  const token = { 'x-csrf-token': raised.session?.csrf ?? '' }
  const hold = '/api/accounts/atmosphere_stage/actions/hold'
  const asked: readonly (readonly [string, string])[] = [
    ['POST', hold],
    ['POST', '/api/accounts/atmosphere_stage/server'],
    ['DELETE', '/api/accounts/atmosphere_stage/server'],
    ['GET', '/api/accounts'],
    ['GET', '/api/explain?person=admin&action=hold&account=atmosphere_stage'],
    ['GET', '/u/atmosphere_stage/workflows'],
  ]
  for (const [method, path] of asked) {
    const answer = await kiosk.send(
      method,
      path,
      method === 'POST' ? { workflow: 'clouds', args: {} } : undefined,
      token,
    )
    assert.deepEqual([answer.status, codeOf(answer)], [403, 'kiosk.wall-only'], `${method} ${path}`)
  }
  // A kiosk's cookie beside a session that ended does not revive it either.
  await hub.endSession(raised)
  const cookie = `${raised.headers.cookie}; ${kiosk.headers.cookie}`
  const answer = await kiosk.send('POST', hold, { workflow: 'clouds', args: {} }, { ...token, cookie })
  assert.equal(codeOf(answer), 'kiosk.wall-only')
})

test('a cookie that was made up opens no session and no kiosk', async (t) => {
  const h = await startTestHub(t)
  const admin = await h.signIn('admin')
  await h.raise(admin, 'write')
  const { csrf } = await h.session(admin)
  for (const name of ['__Host-seneschal-kiosk', '__Host-seneschal'])
    for (const value of ['kiosk:admin', 'A'.repeat(43), csrf, '', '%00']) {
      const stranger = h.visitor()
      stranger.setCookie(name, value)
      assert.equal((await stranger.ask('GET', '/api/session')).status, 401)
      assert.equal((await stranger.change('POST', '/auth/elevate', { class: 'write' }, csrf)).status, 401)
    }
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
