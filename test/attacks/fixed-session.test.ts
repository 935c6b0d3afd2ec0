/** Row 8: a cookie that was known before a sign-in or an elevation. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf } from '../harness/code-of.ts'
import { startTestHub } from '../harness/hub.ts'

const name = '__Host-seneschal'

test('a cookie planted before the sign-in is not the one afterwards, and is worth nothing', async (t) => {
  const h = await startTestHub(t)
  const planted = 'P'.repeat(43)
  const victim = h.visitor()
  victim.setCookie(name, planted)
  await h.signIn('jacintar', victim)
  assert.notEqual(victim.cookie(name), planted)
  const attacker = h.visitor()
  attacker.setCookie(name, planted)
  assert.equal(codeOf(await attacker.ask('GET', '/api/session')), 'session.ended')
})

test("an attacker's own session, planted, ends when the victim signs in over it", async (t) => {
  const h = await startTestHub(t)
  const attacker = await h.signIn('mel')
  const victim = h.visitor()
  victim.setCookie(name, attacker.cookie(name) ?? '')
  await h.signIn('jacintar', victim)
  assert.equal(codeOf(await attacker.ask('GET', '/api/session')), 'session.ended')
})

test('a cookie stolen before an elevation does not follow it', async (t) => {
  const h = await startTestHub(t)
  const victim = await h.signIn('jacintar')
  const thief = h.visitor()
  thief.setCookie(name, victim.cookie(name) ?? '')
  await h.session(thief)
  await h.raise(victim)
  assert.equal(codeOf(await thief.ask('GET', '/api/session')), 'session.ended')
  assert.equal((await h.session(victim)).elevation?.class, 'execute')
})

test('an elevation and its end replace cookie and CSRF token; what was known before opens nothing', async (t) => {
  const h = await startTestHub(t)
  const victim = await h.signIn('jacintar')
  const steps = [() => h.raise(victim), () => victim.change('DELETE', '/auth/elevation')]
  for (const step of steps) {
    const before = { cookie: victim.cookie(name) ?? '', csrf: (await h.session(victim)).csrf }
    await step()
    assert.notEqual(victim.cookie(name), before.cookie)
    assert.notEqual((await h.session(victim)).csrf, before.csrf)
    const thief = h.visitor()
    thief.setCookie(name, before.cookie)
    assert.equal(codeOf(await thief.ask('GET', '/api/session')), 'session.ended')
    await assert.rejects(thief.socket('/api/wall'), { status: 401 })
    const act = await victim.change('POST', '/auth/elevate', { class: 'execute' }, before.csrf)
    assert.equal(codeOf(act), 'csrf.invalid')
  }
})

test('a cookie planted before an elevation is not taken up by it', async (t) => {
  const h = await startTestHub(t)
  const victim = await h.signIn('jacintar')
  const attacker = await h.signIn('mel')
  const page = await h.askToRaise(victim)
  victim.setCookie(name, attacker.cookie(name) ?? '')
  const back = await victim.submit(page, { name: 'jacintar', password: 'jacintar' })
  assert.equal(back.url.searchParams.get('signin'), 'auth.state-invalid')
  assert.equal((await h.session(attacker)).elevation, null)
  assert.equal((await h.audited('elevation.raised')).length, 0)
})

test('a cookie stolen while privileges were raised dies when they are dropped', async (t) => {
  const h = await startTestHub(t)
  const victim = await h.signIn('jacintar')
  await h.raise(victim)
  const thief = h.visitor()
  thief.setCookie(name, victim.cookie(name) ?? '')
  await victim.change('DELETE', '/auth/elevation')
  assert.equal(codeOf(await thief.ask('GET', '/api/session')), 'session.ended')
})

test('what the database holds opens no session', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  const { DatabaseSync } = await import('node:sqlite')
  const db = new DatabaseSync(`${h.dir}/hub/hub.sqlite`, { readOnly: true })
  const row = db.prepare('select * from sessions').get() as Record<string, string>
  db.close()
  const cookie = browser.cookie(name) ?? ''
  assert.ok(!Object.values(row).some((value) => String(value).includes(cookie)))
  for (const value of [row.id_hash, row.name, row.csrf]) {
    const thief = h.visitor()
    thief.setCookie(name, String(value))
    assert.equal((await thief.ask('GET', '/api/session')).status, 401)
  }
})
