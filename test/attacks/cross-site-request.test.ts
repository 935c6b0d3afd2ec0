/** Row 9: a page of another site that uses the browser's cookie. Every route is tried, from the route table. */
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

/** Called without a session, which could be abused, or with a secret of its own, which no other site has. */
const withoutSession = [
  '/auth/backchannel-logout',
  '/auth/break-glass',
  '/auth/device',
  '/auth/device/token',
  '/api/kiosk/enrol',
  '/api/kiosk/session',
]

test('every state-changing route refuses a request without token, from a foreign origin, across sites, or as a form', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('admin')
  await h.raise(browser, 'write')
  const { csrf } = await h.session(browser)
  const { csrf: otherToken } = await h.session(await h.signIn('mel'))
  const cookie = browser.cookieHeader(new URL(origin))
  const recordedBefore = (await h.audited()).length
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
    'a type that begins like JSON': [{ 'content-type': 'application/jsonp' }, ['csrf.invalid']],
    'a form with files': [{ 'content-type': 'multipart/form-data; boundary=x' }, ['csrf.invalid']],
    'an empty token': [{ 'x-csrf-token': '' }, ['csrf.invalid']],
    'the token of another person': [{ 'x-csrf-token': otherToken }, ['csrf.invalid']],
    'an origin in capitals': [{ origin: 'HTTPS://HUB.TEST' }, ['origin.foreign']],
    'an origin with a path': [{ origin: 'https://hub.test/' }, ['origin.foreign']],
    'two origins': [{ origin: 'https://hub.test, https://evil.test' }, ['origin.foreign']],
    'two sites': [{ 'sec-fetch-site': 'same-origin, cross-site' }, ['origin.foreign']],
    'a cross-site navigation': [
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
      ['origin.foreign'],
    ],
    'a WebSocket handshake': [
      { connection: 'Upgrade', upgrade: 'websocket', origin: 'null' },
      ['origin.foreign'],
    ],
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
  const recorded = (await h.audited()).slice(recordedBefore)
  assert.ok(recorded.every(({ outcome }) => outcome === 'refused'))
  assert.deepEqual(h.spawner.starts, [])
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

test('what takes no token takes no form either', async (t) => {
  const h = await startTestHub(t, { config: { commandLine: { enabled: true } } })
  for (const url of [
    '/auth/break-glass',
    '/auth/device',
    '/auth/device/token',
    '/api/kiosk/enrol',
    '/api/kiosk/session',
  ])
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ]) {
      const headers = { host: 'hub.test', origin, 'content-type': type, 'content-length': '2' }
      assert.equal(
        codeOf(await send(h.port, 'POST', url, headers, '{}')),
        'input.invalid',
        `${url} as ${type}`,
      )
    }
})

test('no method is changed by a header, a query or a field', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('admin')
  await h.raise(browser, 'write')
  const headers = {
    'x-http-method-override': 'DELETE',
    'x-method-override': 'DELETE',
    'x-http-method': 'DELETE',
  }
  for (const { url } of changesOf(h)) await browser.ask('GET', `${example(url)}?_method=DELETE`, { headers })
  assert.equal((await h.session(browser)).elevation?.class, 'write')
})

test('a page of another site is told by no preflight that it may ask', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  for (const { url } of h.hub.routes())
    for (const method of ['OPTIONS', 'GET', 'HEAD']) {
      const headers = {
        origin: 'https://evil.test',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'x-csrf-token',
      }
      const answer = await browser.ask(method, example(url), { headers })
      assert.ok(answer.status >= 400, `${method} ${url} was answered ${answer.status}`)
      const granted = Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'))
      assert.deepEqual(granted, [], `${method} ${url}`)
    }
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
