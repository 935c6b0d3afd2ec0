/** Rows 9 and 10: a page of another site that uses the browser's cookie. Every route is tried, from the route table. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACTION, ADMIN, CHANGE, PUBLIC } from '../../hub/context.ts'
import { codeOf } from '../harness/code-of.ts'
import { send } from '../harness/http.ts'
import { origin, startTestHub, type TestHub } from '../harness/hub.ts'

const example = (path: string): string =>
  path
    .replace(':account', 'atmosphere_stage')
    .replace(':action', 'hold')
    .replace(':id', '01a205ba-ba69-7a00-99c0-2ce9888d0872')
    .replace(':kiosk', 'abc')

const changesOf = (h: TestHub) =>
  h.hub.routes().filter(({ method }) => !['GET', 'HEAD', 'OPTIONS'].includes(method))

/** Called by servers and by browsers without a session: there is none to abuse. */
const withoutSession = ['/auth/backchannel-logout', '/api/kiosk/enrol', '/api/kiosk/session']

test('every state-changing route refuses a request without token, from a foreign origin, across sites, or as a form', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('admin')
  await h.raise(browser, 'write')
  const { csrf } = await h.session(browser)
  const cookie = browser.cookieHeader(new URL(origin))
  const right = {
    host: 'hub.test',
    cookie,
    origin,
    'sec-fetch-site': 'same-origin',
    'x-csrf-token': csrf,
    'content-type': 'application/json',
    'content-length': '2',
  }
  const lies: Readonly<Record<string, readonly [object, readonly string[]]>> = {
    'no token': [{ 'x-csrf-token': undefined }, ['csrf.invalid']],
    "somebody else's token": [{ 'x-csrf-token': 'A'.repeat(43) }, ['csrf.invalid']],
    'a foreign origin': [{ origin: 'https://evil.test' }, ['origin.foreign']],
    'a sibling origin': [{ origin: 'https://hub.test.evil.test' }, ['origin.foreign']],
    'another port': [{ origin: 'https://hub.test:8443' }, ['origin.foreign']],
    'no origin': [{ origin: undefined }, ['origin.foreign']],
    'the origin null': [{ origin: 'null' }, ['origin.foreign']],
    'a cross-site fetch': [{ 'sec-fetch-site': 'cross-site' }, ['origin.foreign']],
    'a same-site fetch': [{ 'sec-fetch-site': 'same-site' }, ['origin.foreign']],
    'a form as text': [{ 'content-type': 'text/plain' }, ['csrf.invalid']],
    'a form': [{ 'content-type': 'application/x-www-form-urlencoded' }, ['csrf.invalid']],
    'no type': [{ 'content-type': undefined }, ['csrf.invalid']],
  }
  const routes = changesOf(h).filter(({ url }) => !withoutSession.includes(url))
  assert.ok(routes.length >= 8)
  for (const { method, url } of routes) {
    for (const [what, [lie, codes]] of Object.entries(lies)) {
      const headers = Object.fromEntries(
        Object.entries({ ...right, ...lie }).filter(([, value]) => value !== undefined),
      ) as Record<string, string>
      const answer = await send(h.port, method, example(url), headers, '{}')
      assert.equal(answer.status, 403, `${method} ${url} with ${what}: ${answer.text}`)
      assert.ok(codes.includes(codeOf(answer)), `${method} ${url} with ${what}: ${answer.text}`)
    }
  }
  assert.equal((await h.session(browser)).elevation?.class, 'write', 'nothing of all this changed anything')
})

test('what needs no session refuses other sites all the same', async (t) => {
  const h = await startTestHub(t)
  for (const { method, url } of changesOf(h).filter((route) => withoutSession.includes(route.url)))
    for (const lie of [{ origin: 'https://evil.test' }, { 'sec-fetch-site': 'cross-site', origin }]) {
      const answer = await send(
        h.port,
        method,
        url,
        { host: 'hub.test', 'content-type': 'application/json', 'content-length': '2', ...lie },
        '{}',
      )
      assert.equal(codeOf(answer), 'origin.foreign', url)
    }
})

test('every route that changes something is of a kind whose token and origin the gate checks', async (t) => {
  const h = await startTestHub(t)
  for (const { method, url, kind } of changesOf(h))
    assert.ok(
      (kind & (ACTION | CHANGE | ADMIN)) !== 0 || (kind === PUBLIC && withoutSession.includes(url)),
      `${method} ${url} is of kind ${kind}`,
    )
})

test('a socket from another site, or from none, is refused before anything is opened', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  for (const path of ['/api/audit/stream', '/api/wall', '/u/atmosphere_stage/stream'])
    for (const headers of [
      { origin: 'https://evil.test' },
      { origin: 'null' },
      { origin: '' },
      { 'sec-fetch-site': 'cross-site' },
    ])
      await assert.rejects(
        browser.socket(path, headers),
        { status: 403 },
        `${path} ${JSON.stringify(headers)}`,
      )
})

test('a page of another site cannot read data, but a link to it can be followed', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  const embedded = await browser.ask('GET', '/api/audit', {
    headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' },
  })
  assert.equal(codeOf(embedded), 'origin.foreign')
  const followed = await browser.ask('GET', '/api/audit', {
    headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
  })
  assert.equal(followed.status, 200)
})
