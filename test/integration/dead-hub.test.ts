/** A hub whose provider, database, audit log or clock is not what it should be, without a browser. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { codeOf } from '../harness/code-of.ts'
import { fillDiskOf, holdDatabase } from '../harness/dead-parts.ts'
import { startTestHub, type TestHub } from '../harness/hub.ts'
import { until } from '../harness/until.ts'

type Mode = 'well' | 'refuses' | 'hangs' | 'fails' | 'html' | 'another'

const modes: Readonly<Record<Exclude<Mode, 'well'>, (init: RequestInit | undefined) => Promise<Response>>> = {
  refuses: () => Promise.reject(new TypeError('fetch failed')),
  hangs: (init) =>
    new Promise((_resolve, reject) =>
      init?.signal?.addEventListener('abort', () => reject(init.signal?.reason), { once: true }),
    ),
  fails: async () => new Response('{"error":"server_error"}', { status: 500 }),
  html: async () =>
    new Response('<h1>Welcome to our proxy</h1>', { headers: { 'content-type': 'text/html' } }),
  another: async () => Response.json({ issuer: 'https://elsewhere.test' }),
}

/** A hub whose way to the provider can be spoiled. */
const withProvider = async (t: TestContext) => {
  let mode: Mode = 'well'
  const hub = await startTestHub(t, {
    fetch: (input, init) => (mode === 'well' ? fetch(input, init) : modes[mode](init)),
  })
  return {
    hub,
    be: (next: Mode) => {
      mode = next
    },
  }
}

const loginPage = (hub: TestHub) =>
  hub.visitor().ask('GET', '/auth/login?return=/wall', { headers: { accept: 'text/html' } })

for (const mode of Object.keys(modes) as (keyof typeof modes)[])
  test(`a provider that ${mode === 'html' || mode === 'another' ? `answers as ${mode}` : mode} is told at sign-in and at elevation, and asked again`, async (t) => {
    const { hub, be } = await withProvider(t)
    const browser = await hub.signIn('jacintar')
    be(mode)
    const began = performance.now()
    const [page, raise] = await Promise.all([
      loginPage(hub),
      browser.change('POST', '/auth/elevate', { class: 'execute' }),
    ])
    assert.ok(performance.now() - began < 9000, 'within ten seconds')
    assert.equal(page.headers.location, '/wall?signin=auth.provider-unavailable')
    assert.equal(codeOf(raise), 'auth.provider-unavailable')
    assert.equal(raise.status, 503)
    assert.ok(Number(raise.headers['retry-after']) > 0)
    assert.equal((await hub.session(browser)).person, 'jacintar')
    be('well')
    await hub.raise(browser)
    assert.equal((await hub.session(browser)).elevation?.class, 'execute')
  })

test('a provider that dies while somebody is signing in there leads back to a page that says so', async (t) => {
  const { hub, be } = await withProvider(t)
  const browser = hub.visitor()
  const form = await browser.open('/auth/login')
  be('fails')
  const back = await browser.submit(form, { name: 'mel', password: 'mel' })
  assert.equal(back.url.searchParams.get('signin'), 'auth.provider-unavailable')
  be('well')
  await hub.signIn('mel', browser)
})

test('a database that another process holds makes nobody wait; what reads goes on, and so do sessions', async (t) => {
  const hub = await startTestHub(t)
  const browser = await hub.signIn('jacintar')
  const release = await holdDatabase(join(hub.dir, 'hub/hub.sqlite'))
  try {
    const began = performance.now()
    for (let count = 0; count < 10; count += 1) {
      const raise = await browser.change('POST', '/auth/elevate', { class: 'execute' })
      assert.equal(codeOf(raise), 'store.unavailable')
      assert.equal(raise.status, 503)
      assert.ok(Number(raise.headers['retry-after']) > 0)
    }
    assert.ok(performance.now() - began < 3000, 'nobody waits for the other process')
    assert.equal((await loginPage(hub)).headers.location, '/wall?signin=store.unavailable')
    assert.equal(codeOf(await browser.change('POST', '/auth/logout')), 'store.unavailable')
    assert.equal((await hub.session(browser)).person, 'jacintar')
    assert.equal((await browser.ask('GET', '/api/accounts')).status, 200)
    assert.equal((await browser.ask('GET', '/readyz')).status, 200)
  } finally {
    await release()
  }
  await hub.raise(browser)
  assert.equal((await hub.session(browser)).elevation?.class, 'execute')
})

test('a full database refuses what would be written, keeps what was, and goes on once there is room', async (t) => {
  const hub = await startTestHub(t)
  const browser = await hub.signIn('jacintar')
  // This process is the hub's.
  const giveRoom = fillDiskOf([process], 1024)
  try {
    const raise = await browser.change('POST', '/auth/elevate', { class: 'execute' })
    assert.equal(codeOf(raise), 'store.unavailable')
    assert.equal((await loginPage(hub)).headers.location, '/wall?signin=store.unavailable')
    assert.equal((await hub.session(browser)).person, 'jacintar')
    assert.equal((await browser.ask('GET', '/api/accounts')).status, 200)
    assert.equal((await browser.ask('GET', '/api/audit')).status, 200)
  } finally {
    giveRoom()
  }
  await hub.raise(browser)
  assert.equal((await hub.session(browser)).elevation?.class, 'execute')
})

test('a clock that goes an hour ahead ends privileges and prolongs nothing; sessions stay', async (t) => {
  const hub = await startTestHub(t)
  const browser = await hub.signIn('jacintar')
  await hub.raise(browser)
  const before = await hub.session(browser)
  hub.shift(3_600_000)
  await hub.hub.tick()
  assert.equal((await hub.session(browser)).elevation, null)
  assert.equal((await hub.session(browser)).person, before.person)
  hub.shift(-3_600_000)
  await hub.hub.tick()
  assert.equal((await hub.session(browser)).elevation, null)
})

test('a clock set back ends privileges at once, tells the browsers, and does so while the database is held', async (t) => {
  const hub = await startTestHub(t)
  const browser = await hub.signIn('jacintar')
  await hub.raise(browser)
  const socket = await browser.socket('/api/wall')
  const release = await holdDatabase(join(hub.dir, 'hub/hub.sqlite'))
  try {
    // Within what the clocks of hub and provider may differ: raising compares the provider with itself.
    hub.shift(-20_000)
    await hub.hub.tick()
    // An answer about a session may be a second old.
    await until(async () => (await hub.session(browser)).elevation === null)
  } finally {
    await release()
  }
  await hub.hub.tick()
  assert.equal(await socket.closed, 4001)
  assert.equal((await hub.session(browser)).elevation, null)
  const [ended] = await hub.audited('elevation.ended')
  assert.match(String(ended?.reason), /set back by \d+ s/)
  await hub.raise(browser)
  assert.equal((await hub.session(browser)).elevation?.class, 'execute', 'and can be raised again')
})
