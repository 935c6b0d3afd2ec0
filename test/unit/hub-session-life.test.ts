/** Sessions over weeks, over changes of privilege on a slow network, and at their end, all at once. */
import assert from 'node:assert/strict'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { test } from 'node:test'
import { hashOf } from '../../hub/auth/secrets.ts'
import { openStore } from '../../hub/store/open.ts'
import { callbackAt } from '../harness/callback.ts'
import { codeOf } from '../harness/code-of.ts'
import { startTestHub } from '../harness/hub.ts'

const day = 86_400_000

test('a session that only looks lives for weeks, asks the provider as it goes, and ends on its day', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('mel')
  const cookie = browser.cookie('__Host-seneschal')
  for (let days = 1; days < 30; days += 1) {
    h.shift(day)
    await h.hub.tick()
    assert.equal((await h.session(browser)).person, 'mel', `day ${days}`)
  }
  assert.equal(browser.cookie('__Host-seneschal'), cookie, 'nobody signed in again')
  assert.ok((h.provider.asked.get('/token') ?? 0) >= 29)
  h.shift(day)
  await h.hub.tick()
  assert.equal(codeOf(await browser.ask('GET', '/api/session')), 'session.ended')
  assert.match((await h.audited('session.ended'))[0]?.sentence ?? '', /after its time/)
})

test('two tabs on a slow network: a request under way while the other raises is refused, and takes nothing away', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  const { csrf } = await h.session(browser)
  const slow = h.visitor()
  slow.setCookie('__Host-seneschal', browser.cookie('__Host-seneschal') ?? '')
  const started = await browser.change('POST', '/auth/elevate', { class: 'execute' }, csrf)
  const callback = await callbackAt(browser, (started.body as { location: string }).location, 'jacintar')
  const [back, ...late] = await Promise.all([
    browser.ask('GET', callback),
    slow.ask('GET', '/api/session'),
    slow.ask('GET', '/api/accounts'),
    slow.change('POST', '/auth/elevate', { class: 'execute' }, csrf),
    slow.change('DELETE', '/auth/elevation', undefined, csrf),
  ])
  assert.equal(back?.status, 303)
  for (const answer of [...late, await slow.change('POST', '/auth/logout', undefined, csrf)])
    if (answer.status !== 200 && answer.status !== 204) {
      assert.equal(codeOf(answer), 'session.ended')
      // It would arrive after the new one and sign the browser out.
      assert.equal(answer.headers['set-cookie'], undefined)
    }
  const again = await browser.change('POST', '/auth/elevate', { class: 'execute' }, csrf)
  assert.equal(codeOf(again), 'csrf.invalid', 'the page asks for the new token once, and tries again')
  assert.equal((await h.session(browser)).elevation?.class, 'execute')
})

test('ten thousand sessions end at once, each on record, and whoever stays is answered meanwhile', async (t) => {
  const count = 10_000
  const first = await startTestHub(t)
  await first.hub.close()
  const { db, close } = await openStore(first.config.database)
  const end = Date.now() + 60_000
  const row = (index: number) => ({
    ...{ name: `s${index}`, id_hash: hashOf(String(index)), person: `p${index}`, display_name: 'P' },
    ...{ issuer: 'i', subject: `p${index}`, groups: '[]', csrf: 'c', created_at: 0, expires_at: end },
    ...{ last_seen_at: 0, elevation_class: null, elevation_until: null, elevation_reason: null },
    ...{ provider_sid: null, raised_sid: null, id_token: null, provider_tokens: null },
    ...{ told_at: null, asked_at: null },
  })
  for (let from = 0; from < count; from += 500)
    await db
      .insertInto('sessions')
      .values(Array.from({ length: 500 }, (_, index) => row(from + index)))
      .execute()
  await close()

  const h = await startTestHub(t, { dir: first.dir, provider: first.provider })
  const stays = await h.signIn('mel')
  const raised = await h.signIn('jacintar')
  await h.raise(raised)
  h.shift(16 * 60_000)
  await h.feed.heartbeat(Date.now() + 16 * 60_000)
  const blocked = monitorEventLoopDelay({ resolution: 5 })
  blocked.enable()
  const ended = h.hub.tick()
  let over = false
  void ended.then(() => {
    over = true
  })
  let answers = 0
  const began = performance.now()
  while (!over || answers < 3) {
    assert.equal((await stays.ask('GET', '/api/session')).status, 200)
    answers += 1
  }
  blocked.disable()
  // Meanwhile nobody looks whose privileges are over, nor at the clock.
  assert.ok(performance.now() - began < 10_000, `it took ${Math.round(performance.now() - began)} ms`)
  assert.equal((await h.audited('session.ended')).length, count)
  assert.equal((await h.session(raised)).elevation, null, 'privileges ended as well')
  assert.equal((await h.audited('elevation.ended')).length, 1)
  assert.ok(blocked.max < 1e9, `nobody was answered for ${Math.round(blocked.max / 1e6)} ms`)
  t.diagnostic(`longest ${Math.round(blocked.max / 1e6)} ms, ${answers} answers in between`)
})
