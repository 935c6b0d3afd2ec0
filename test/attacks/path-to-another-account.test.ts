/** Threat 14: a path that means one account to the hub and another to what stands behind it. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { sendRaw } from '../harness/http.ts'
import { startServing } from '../harness/serving.ts'

const paths = [
  '/u/atmosphere_stage/../oceans_stage/workflows',
  '/u/atmosphere_stage/%2e%2e/oceans_stage/workflows',
  '/u/atmosphere_stage/%2E%2E/oceans_stage/workflows',
  '/u/atmosphere_stage/.%2e/x',
  '/u/atmosphere_stage/%252e%252e/x',
  '/u/atmosphere_stage/..%2f..%2foceans_stage',
  '/u/atmosphere_stage/jobs/..%2F..%2Fetc/logs',
  '/u/atmosphere_stage/jobs/clouds%2F..%2Fwinds/logs',
  '/u/atmosphere_stage//workflows',
  '/u/atmosphere_stage/workflows/',
  '/u/atmosphere_stage/./workflows',
  '/u/atmosphere_stage/workflows;x=1',
  '/u/atmosphere_stage/workflows%3bx',
  '/u/atmosphere_stage/..\\oceans_stage',
  '/u/atmosphere_stage/%5c..%5cx',
  '/u/atmosphere_stage/a%00b',
  '/u/atmosphere_stage/a%0d%0ab',
  '/u/atmosphere_stage/a%7f',
  '/u/atmosphere_stage/%zz',
  '/u/atmosphere_stage/%c0%ae%c0%ae/x',
  '/u/atmosphere_stage/%ff',
  '/u/atmosphere_stage/"x"',
  '/u/atmosphere_stage/x?y=<script>',
  '/u/%61tmosphere_stage/workflows',
  '/u/Atmosphere_stage/workflows',
  '/u/../u/atmosphere_stage/workflows',
  '/u/-oProxyCommand/workflows',
  '/u//workflows',
  '/u/atmosphere_stage/..;/oceans_stage/workflows',
  '/u/atmosphere_stage/%2e%2e%2foceans_stage%2fworkflows',
  '/u/atmosphere_stage/%25%32%65%25%32%65/x',
  '/u/atmosphere_stage/%u002e%u002e/x',
  '/u/atmosphere_stage/%e0%80%ae%e0%80%ae/x',
  '/u/atmosphere_stage/%2e',
  '/u/atmosphere_stage/..',
  '/u/atmosphere_stage/.',
  '/u/atmosphere_stage/..%00/x',
  '/u/atmosphere_stage/..%09/x',
  '/u/atmosphere_stage/%2f%2e%2e%2foceans_stage',
  '/u/atmosphere_stage%2f..%2foceans_stage/workflows',
  '/u/atmosphere_stage%00/workflows',
  '/u/atmosphere_stage%5c/workflows',
  '/u/atmosphere_stage;x/workflows',
  '/u/atmosphere_stage%20/workflows',
  '/u/atmosphere_stage./workflows',
  '/u/oceans_stage:x@atmosphere_stage/workflows',
  '/u/atmosphere_stage/jobs/clouds%2F%2F1%2Fclimb%2F01%2F..%2F..%2F../logs/job.out',
  '/u/atmosphere_stage/jobs/clouds%2F%2F1%2Fclimb%2F01/logs/..%2Fjob.out',
  '/u/atmosphere_stage/workflows?x=%zz',
  '/u/atmosphere_stage/workflows?x=\\',
  '/u/atmosphere_stage/workflows?x=%',
  '/u/atmosphere_stage/workflows#/../../oceans_stage',
]

/** Bytes that only a raw socket sends: the parser or the path's own check refuses them. */
const rawTargets = [
  '/u/atmosphere_stage/a\0b',
  '/u/atmosphere_stage/a\tb',
  '/u/atmosphere_stage/a\x7fb',
  '/u/atmosphere_stage/a\x0bb',
  '/u/atmosphere_stage/\xc0\xae\xc0\xae/x',
  '/u/atmosphere_stage/\xff',
  '/u/atmosphere_stage/a b',
  '\\u\\atmosphere_stage\\workflows',
  '/u\\atmosphere_stage\\workflows',
  'u/atmosphere_stage/workflows',
  'http://hub.test/u/oceans_stage/workflows',
  'http://oceans_stage/u/atmosphere_stage/../oceans_stage/workflows',
  '//hub.test/u/oceans_stage/workflows',
  '///u/oceans_stage/workflows',
  '/%75/oceans_stage/workflows',
  '/U/oceans_stage/workflows',
  '/./u/oceans_stage/workflows',
  '/x/../u/oceans_stage/workflows',
  '/api/../u/oceans_stage/workflows',
  '/u/atmosphere_stage',
  '*',
]

const asked = async (t: TestContext) => {
  let requests = 0
  const hub = await startServing(t, {
    answer: (_request, response) => {
      requests += 1
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    },
    upgrade: (_request, socket) => {
      requests += 1
      socket.destroy()
    },
  })
  await hub.open('atmosphere_stage')
  await hub.open('oceans_stage')
  const { headers } = await hub.signIn('mel')
  const dialled = hub.spawner.dials.length
  return {
    hub,
    cookie: headers.cookie ?? '',
    nobody: () => requests === 0 && hub.spawner.dials.length === dialled,
  }
}

const statusOf = (answer: string): string => /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? answer.slice(0, 40)

test('a path that could mean two things is refused, and no UI server is dialled', async (t) => {
  const { hub, cookie, nobody } = await asked(t)
  for (const path of paths)
    for (const method of ['GET', 'HEAD']) {
      const head = `${method} ${path} HTTP/1.1\r\nhost: hub.test\r\ncookie: ${cookie}\r\nconnection: close\r\n\r\n`
      assert.equal(statusOf(await sendRaw(hub.port, head)), '400', `${method} ${path}`)
    }
  assert.ok(nobody())
})

test('a target that only a raw socket sends is refused too', async (t) => {
  const { hub, cookie, nobody } = await asked(t)
  for (const target of rawTargets) {
    const head = `GET ${target} HTTP/1.1\r\nhost: hub.test\r\ncookie: ${cookie}\r\nconnection: close\r\n\r\n`
    assert.match(statusOf(await sendRaw(hub.port, head)), /^40[04]$/, JSON.stringify(target))
  }
  assert.ok(nobody())
})

test('the same holds for sockets, and for a target with an authority', async (t) => {
  const { hub, cookie, nobody } = await asked(t)
  const upgrade = `host: hub.test\r\ncookie: ${cookie}\r\norigin: https://hub.test\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`
  const targets = [
    ...paths,
    ...rawTargets,
    '/u/atmosphere_stage/../oceans_stage/stream',
    '/u/atmosphere_stage/%2e%2e/oceans_stage/stream',
    '/u/atmosphere_stage//stream',
    '/u/atmosphere_stage/stream;x',
    '/u/atmosphere_stage/%73tream;',
    '/u/atmosphere_stage/stream/',
    '/u/atmosphere_stage/stream/../../oceans_stage/stream',
    'http://hub.test/u/oceans_stage/stream',
    '//u/oceans_stage/stream',
  ]
  for (const target of targets) {
    const answer = await sendRaw(hub.port, `GET ${target} HTTP/1.1\r\n${upgrade}`)
    assert.match(statusOf(answer), /^40[04]$/, JSON.stringify(target))
  }
  assert.ok(nobody())
})

test('what a viewer may not see is not dialled either, and a right path is', async (t) => {
  const { hub, nobody } = await asked(t)
  const jacintar = await hub.signIn('jacintar')
  assert.equal((await jacintar.get('/u/oceans_stage/workflows')).status, 404)
  await assert.rejects(jacintar.socket('/u/oceans_stage/stream'), { status: 404 })
  assert.ok(nobody())
  assert.equal((await jacintar.get('/u/atmosphere_stage/workflows')).status, 200)
  assert.equal(hub.spawner.dials.at(-1), 'atmosphere_stage')
})
