/** One callback sent many times at once; raising and dropping that cross each other. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { createAttempts } from '../../hub/auth/attempts.ts'
import { openStore } from '../../hub/store/open.ts'
import { callbackAt } from '../harness/callback.ts'
import { startTestHub } from '../harness/hub.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

test('of twenty callbacks with one state, at once, one makes a session', async (t) => {
  const h = await startTestHub(t)
  const browser = h.visitor()
  const callback = await callbackAt(browser, '/auth/login', 'jacintar')
  const answers = await Promise.all(Array.from({ length: 20 }, () => browser.ask('GET', callback)))
  assert.deepEqual(answers.map(({ status }) => status).sort(), [303, ...Array(19).fill(400)].sort())
  assert.equal((await h.audited('session.signed-in')).length, 1)
  assert.equal(h.provider.asked.get('/token'), 1)
  await h.session(browser)
})

test('of twenty who take one attempt out of the database in the same moment, one gets it', async (t) => {
  const { db, close } = await openStore(join(await temporaryDirectory(t), 'hub.sqlite'))
  t.after(close)
  const attempts = createAttempts({ db, now: Date.now })
  const { state } = await attempts.start({
    kind: 'sign-in',
    bound_to: 'b',
    class: null,
    reason: null,
    duration: null,
    return_path: '/',
  })
  const taken = await Promise.all(Array.from({ length: 20 }, () => attempts.take(state)))
  assert.equal(taken.filter((attempt) => attempt !== undefined).length, 1)
})

test('of twenty re-authentications with one state, at once, one raises', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  const started = await browser.change('POST', '/auth/elevate', { class: 'execute' })
  const callback = await callbackAt(browser, (started.body as { location: string }).location, 'jacintar')
  const answers = await Promise.all(Array.from({ length: 20 }, () => browser.ask('GET', callback)))
  assert.equal(answers.filter(({ status }) => status === 303).length, 1)
  assert.equal((await h.audited('elevation.raised')).length, 1)
})

test('a drop that crosses a raise leaves one of the two in force, one cookie good, and nothing in between', async (t) => {
  const h = await startTestHub(t)
  for (let rounds = 0; rounds < 5; rounds += 1) {
    const browser = await h.signIn('jacintar', h.visitor())
    await h.raise(browser)
    const { csrf } = await h.session(browser)
    const started = await browser.change('POST', '/auth/elevate', { class: 'execute' }, csrf)
    const callback = await callbackAt(browser, (started.body as { location: string }).location, 'jacintar')
    const before = browser.cookie('__Host-seneschal') ?? ''
    const crossing = h.visitor()
    crossing.setCookie('__Host-seneschal', before)
    const [raised, dropped] = await Promise.all([
      browser.ask('GET', callback),
      crossing.change('DELETE', '/auth/elevation', undefined, csrf),
    ])
    const good: string[] = []
    for (const visitor of [browser, crossing]) {
      const cookie = visitor.cookie('__Host-seneschal') ?? ''
      const probe = h.visitor()
      probe.setCookie('__Host-seneschal', cookie)
      if ((await probe.ask('GET', '/api/session')).status === 200) good.push(cookie)
    }
    assert.equal(new Set(good).size, 1, `${raised.status} and ${dropped.status}`)
    assert.notEqual(good[0], before, 'the cookie from before both is dead')
  }
})

test('a raise that comes back after signing out, or after the provider ended the session, raises nobody', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  const page = await h.askToRaise(browser)
  await browser.change('POST', '/auth/logout')
  const back = await browser.submit(page, { name: 'jacintar', password: 'jacintar' })
  assert.equal(back.url.searchParams.get('signin'), 'session.ended')
  assert.equal((await browser.ask('GET', '/api/session')).status, 401)
  assert.equal((await h.audited('elevation.raised')).length, 0)
})
