/**
 * Row 10: a page of another site opens a socket with the browser's cookie. Every route of the table is asked for one,
 * whether it has one to give or not.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PUBLIC } from '../../hub/context.ts'
import { sendRaw } from '../harness/http.ts'
import { startTestHub } from '../harness/hub.ts'
import { until } from '../harness/until.ts'

const origins = {
  foreign: 'origin: https://evil.test\r\n',
  null: 'origin: null\r\n',
  empty: 'origin:\r\n',
  absent: '',
  'of a look-alike': 'origin: https://hub.test.evil.test\r\n',
  'of another scheme': 'origin: http://hub.test\r\n',
  'of another port': 'origin: https://hub.test:444\r\n',
  'that came twice': 'origin: https://hub.test\r\norigin: https://evil.test\r\n',
  'of the old kind': 'sec-websocket-origin: https://hub.test\r\n',
  'right, but said to be of another site': 'origin: https://hub.test\r\nsec-fetch-site: cross-site\r\n',
  'right, but said to be of a sibling': 'origin: https://hub.test\r\nsec-fetch-site: same-site\r\n',
}

const example = (path: string): string =>
  path
    .replace('/u/:account/*', '/u/atmosphere_stage/stream')
    .replace(':account', 'atmosphere_stage')
    .replace(/:[a-z]+/, 'x')
    .replace('*', 'index.js')

const handshake = (path: string, cookie: string, origin: string): string =>
  `GET ${path} HTTP/1.1\r\nhost: hub.test\r\ncookie: ${cookie}\r\n${origin}connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`

test('a socket whose Origin is not the hub is refused before any UI server is dialled', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  const cookie = browser.cookieHeader(new URL('https://hub.test'))
  const { csrf } = await h.session(browser)
  // The UI server runs: it is not for want of one that nobody is asked.
  await browser.change('POST', '/api/accounts/atmosphere_stage/server', {}, csrf)
  await until(() => h.spawner.running.has('atmosphere_stage'))
  const dialled = h.spawner.dials.length

  const reading = h.hub.routes().filter(({ method }) => method === 'GET')
  const paths = new Map(reading.map(({ url, kind }) => [example(url), kind]))
  assert.ok(['/u/atmosphere_stage/stream', '/api/wall', '/api/audit/stream'].every((path) => paths.has(path)))
  for (const [path, kind] of paths)
    for (const [name, origin] of Object.entries(origins)) {
      const answer = await sendRaw(h.port, handshake(path, cookie, origin))
      const what = `${path} with an Origin ${name}: ${answer.slice(0, 40)}`
      assert.doesNotMatch(answer, /^HTTP\/1\.1 (?:1|5)/, what)
      // What is public needs no cookie, and whoever is no browser says no Origin.
      if (kind === PUBLIC && ['absent', 'of the old kind'].includes(name)) {
        assert.match(answer, /^HTTP\/1\.1 400 /, what)
        continue
      }
      assert.match(answer, /^HTTP\/1\.1 403 /, what)
      assert.match(answer, /"code":"origin\.foreign"/, what)
    }
  assert.equal(h.spawner.dials.length, dialled)
})

test('a route that has no socket opens none for its own pages either', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  const sockets = ['/api/wall', '/api/audit/stream', '/u/:account/*']
  for (const { url, method } of h.hub.routes())
    if (method === 'GET' && !sockets.includes(url))
      await assert.rejects(
        browser.socket(example(url)),
        (error: { status?: number }) => (error.status ?? 0) >= 400,
        url,
      )
})

test('from its own pages each of the three opens', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('jacintar')
  for (const path of ['/api/wall', '/api/audit/stream']) (await browser.socket(path)).socket.terminate()
  await assert.rejects(browser.socket('/u/atmosphere_stage/stream'), { status: 503 }, 'its server is off')
})
