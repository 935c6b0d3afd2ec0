/** Kiosks: a browser without a person that shows the wall, bound to its key. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createKiosks } from '../../hub/auth/kiosks.ts'
import { openStore } from '../../hub/store/open.ts'
import { type KioskRow, kioskEnrol } from '../../protocol/api.ts'
import { codeOf } from '../harness/code-of.ts'
import { startTestHub, type TestHub } from '../harness/hub.ts'
import type { Page, Visitor } from '../harness/visitor.ts'

const post = (browser: Visitor, path: string, body: unknown): Promise<Page> =>
  browser.change('POST', path, body, '')

/** As the browser does it: a key that cannot be taken out, signatures as WebCrypto makes them. */
const newKey = async () => {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, [
    'sign',
    'verify',
  ])
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey)
  return {
    key: { kty, crv, x, y },
    sign: async (text: string) =>
      Buffer.from(
        await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, pair.privateKey, Buffer.from(text)),
      ).toString('base64url'),
  }
}

const createKiosk = async (h: TestHub, accounts?: readonly string[]) => {
  const admin = await h.signIn('admin')
  await h.raise(admin, 'write')
  const made = await admin.change('POST', '/api/admin/kiosks', { name: 'Wall north', accounts })
  assert.equal(made.status, 201, made.text)
  return { admin, ...(made.body as { kiosk: KioskRow; code: string }) }
}

const connect = async (browser: Visitor, kiosk: string, sign: (text: string) => Promise<string>) => {
  const { nonce } = (await browser.ask('GET', `/api/kiosk/nonce?kiosk=${kiosk}`)).body as { nonce: string }
  return post(browser, '/api/kiosk/session', { kiosk, nonce, signature: await sign(nonce) })
}

const enrolled = async (h: TestHub, accounts?: readonly string[]) => {
  const { admin, kiosk, code } = await createKiosk(h, accounts)
  const browser = h.visitor()
  const { key, sign } = await newKey()
  const answer = await post(browser, '/api/kiosk/enrol', {
    code: code.toUpperCase().replaceAll('-', ' '),
    key,
  })
  assert.equal(answer.status, 200, answer.text)
  assert.deepEqual(answer.body, { kiosk: kiosk.kiosk, name: 'Wall north' })
  return { admin, browser, kiosk: kiosk.kiosk, code, sign }
}

test('an administrator creates a kiosk, a browser enrols and connects, and sees the wall and who it is', async (t) => {
  const h = await startTestHub(t)
  const { browser, kiosk, sign } = await enrolled(h)
  assert.equal((await browser.ask('GET', '/api/session')).status, 401, 'enrolled is not yet connected')
  assert.equal((await connect(browser, kiosk, sign)).status, 204)
  const me = await h.session(browser)
  assert.equal(me.kiosk, 'Wall north')
  assert.equal(me.person, `kiosk:${kiosk}`)
  assert.equal(me.elevation, null)
  const wall = await browser.socket('/api/wall')
  wall.socket.terminate()
  assert.deepEqual(
    (await h.audited()).map(({ event }) => event).filter((event) => event.startsWith('kiosk')),
    ['kiosk.created', 'kiosk.enrolled'],
  )
})

test('a kiosk can do nothing else, on any route there is', async (t) => {
  const h = await startTestHub(t)
  const { browser, kiosk, sign } = await enrolled(h)
  await connect(browser, kiosk, sign)
  const wall = ['/api/session', '/api/wall']
  for (const path of ['/api/accounts', '/api/accounts/atmosphere_stage', '/api/audit', '/api/admin/kiosks'])
    assert.equal(codeOf(await browser.ask('GET', path)), 'kiosk.wall-only', path)
  for (const { method, url } of h.hub.routes()) {
    if (method === 'HEAD' || method === 'OPTIONS' || wall.includes(url)) continue
    if (url.startsWith('/api/kiosk') || !/^\/(?:api|auth|u)\//.test(url)) continue
    if (/login|callback|backchannel|break-glass|openapi|device$|token$/.test(url)) continue
    const path = url.replace(/:[a-z]+/g, 'atmosphere_stage').replace('*', 'workflows')
    const answer = await browser.ask(method, path, { headers: { origin: 'https://hub.test' } })
    assert.equal(codeOf(answer), 'kiosk.wall-only', `${method} ${url}`)
  }
  for (const path of ['/api/audit/stream', '/u/atmosphere_stage/stream'])
    await assert.rejects(browser.socket(path), { status: 403 })
})

test('a code enrols one browser', async (t) => {
  const h = await startTestHub(t)
  const { code } = await enrolled(h)
  const thief = h.visitor()
  const { key } = await newKey()
  for (const tried of [code, 'aaaaa-aaaaa-aaaaa-aaaaa', ''])
    assert.equal(codeOf(await post(thief, '/api/kiosk/enrol', { code: tried, key })), 'kiosk.code-invalid')
})

test('of two browsers with one code one is enrolled, and one is recorded', async (t) => {
  const h = await startTestHub(t)
  const { code } = await createKiosk(h)
  const keys = await Promise.all([newKey(), newKey()])
  const answers = await Promise.all(
    keys.map(({ key }) => post(h.visitor(), '/api/kiosk/enrol', { code, key })),
  )
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 403])
  assert.equal((await h.audited('kiosk.enrolled')).length, 1)
})

test('an enrolment that cannot be recorded is none, and its code stays good', async (t) => {
  const store = await openStore(':memory:')
  t.after(() => store.close())
  const kiosks = createKiosks({ db: store.db, now: Date.now })
  const { code } = await kiosks.create({
    ...{ id: 'north', name: 'north', accounts: null, createdBy: 'admin' },
    expiresAt: Date.now() + 3_600_000,
  })
  const { key } = await newKey()
  const request = kioskEnrol.parse({ code, key })
  await assert.rejects(
    kiosks.enrol(request, () => Promise.reject(new Error('no room'))),
    /no room/,
  )
  assert.equal(await kiosks.isOpen('kiosk:north'), false)
  await kiosks.enrol(request, async () => undefined)
  assert.equal(await kiosks.isOpen('kiosk:north'), true)
})

test('a code that nobody used within an hour is no good', async (t) => {
  const h = await startTestHub(t)
  const { code } = await createKiosk(h)
  h.shift(3_600_000)
  const { key } = await newKey()
  assert.equal(codeOf(await post(h.visitor(), '/api/kiosk/enrol', { code, key })), 'kiosk.code-invalid')
})

test('a key that is no point of the curve is refused and leaves the code good', async (t) => {
  const h = await startTestHub(t)
  const { code } = await createKiosk(h)
  const { key } = await newKey()
  const wrong = { ...key, y: key.x }
  assert.equal(codeOf(await post(h.visitor(), '/api/kiosk/enrol', { code, key: wrong })), 'input.invalid')
  assert.equal((await h.audited('kiosk.enrolled')).length, 0, 'nothing happened, so nothing is recorded')
  assert.equal((await post(h.visitor(), '/api/kiosk/enrol', { code, key })).status, 200)
})

test('a signature connects once, with the key that was enrolled, over a nonce of ours, within a minute', async (t) => {
  const h = await startTestHub(t)
  const { browser, kiosk, sign } = await enrolled(h)
  const other = await newKey()
  assert.equal(codeOf(await connect(browser, kiosk, other.sign)), 'kiosk.refused')

  const own = 'n'.repeat(43)
  const invented = { kiosk, nonce: own, signature: await sign(own) }
  assert.equal(codeOf(await post(browser, '/api/kiosk/session', invented)), 'kiosk.refused')

  const { nonce } = (await browser.ask('GET', `/api/kiosk/nonce?kiosk=${kiosk}`)).body as { nonce: string }
  const request = { kiosk, nonce, signature: await sign(nonce) }
  assert.equal((await post(browser, '/api/kiosk/session', request)).status, 204)
  assert.equal(codeOf(await post(browser, '/api/kiosk/session', request)), 'kiosk.refused')

  const late = (await browser.ask('GET', `/api/kiosk/nonce?kiosk=${kiosk}`)).body as { nonce: string }
  h.shift(60_000)
  const stale = { kiosk, nonce: late.nonce, signature: await sign(late.nonce) }
  assert.equal(codeOf(await post(browser, '/api/kiosk/session', stale)), 'kiosk.refused')
})

test('nobody learns from a nonce whether a kiosk exists', async (t) => {
  const h = await startTestHub(t)
  const { kiosk } = await enrolled(h)
  for (const asked of [kiosk, 'nobody'])
    assert.match(
      ((await h.visitor().ask('GET', `/api/kiosk/nonce?kiosk=${asked}`)).body as { nonce: string }).nonce,
      /^[\w-]{43}$/,
    )
})

test('a kiosk session is short, and is renewed by signing again', async (t) => {
  const h = await startTestHub(t)
  const { browser, kiosk, sign } = await enrolled(h)
  await connect(browser, kiosk, sign)
  h.shift(3_600_000)
  assert.equal((await browser.ask('GET', '/api/session')).status, 401)
  await connect(browser, kiosk, sign)
  assert.equal((await h.session(browser)).kiosk, 'Wall north')
})

test('a revoked kiosk is cut at once and does not come back', async (t) => {
  const h = await startTestHub(t)
  const { admin, browser, kiosk, sign } = await enrolled(h)
  await connect(browser, kiosk, sign)
  const wall = await browser.socket('/api/wall')
  assert.equal((await admin.change('DELETE', `/api/admin/kiosks/${kiosk}`)).status, 204)
  assert.equal(await wall.closed, 4002)
  assert.equal((await browser.ask('GET', '/api/session')).status, 401)
  assert.equal(codeOf(await connect(browser, kiosk, sign)), 'kiosk.refused')
  assert.equal(codeOf(await admin.change('DELETE', `/api/admin/kiosks/${kiosk}`)), 'kiosk.unknown')
  const [row] = ((await admin.ask('GET', '/api/admin/kiosks')).body as { kiosks: KioskRow[] }).kiosks
  assert.equal(row?.state, 'revoked')
  assert.equal((await h.audited('kiosk.revoked'))[0]?.person, 'admin')
})

test('a person who signs in on the browser of a kiosk is that person', async (t) => {
  const h = await startTestHub(t)
  const { browser, kiosk, sign } = await enrolled(h)
  await connect(browser, kiosk, sign)
  await h.signIn('mel', browser)
  assert.equal((await h.session(browser)).kiosk, null)
  await browser.change('POST', '/auth/logout')
  assert.equal((await h.session(browser)).kiosk, 'Wall north')
})
