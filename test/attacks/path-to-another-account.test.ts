/** Threat 14: a path that means one account to the hub and another to what stands behind it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { send, sendRaw } from '../harness/http.ts'
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
]

test('a path that could mean two things is refused, and no UI server is asked', async (t) => {
  let asked = 0
  const hub = await startServing(t, {
    answer: (_request, response) => {
      asked += 1
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    },
  })
  await hub.open('atmosphere_stage')
  await hub.open('oceans_stage')
  const { headers } = await hub.signIn('mel')
  for (const path of paths) {
    const answer = await send(hub.port, 'GET', path, headers)
    assert.equal(answer.status, 400, `${path} was answered ${answer.status}`)
    const head = await send(hub.port, 'HEAD', path, headers)
    assert.equal(head.status, 400, `HEAD ${path} was answered ${head.status}`)
  }
  assert.equal(asked, 0)
})

test('the same holds for sockets, and for a target with an authority', async (t) => {
  let asked = 0
  const hub = await startServing(t, {
    upgrade: (_request, socket) => {
      asked += 1
      socket.destroy()
    },
  })
  await hub.open('atmosphere_stage')
  await hub.open('oceans_stage')
  const { headers } = await hub.signIn('mel')
  const upgrade = `host: hub.test\r\ncookie: ${headers.cookie}\r\norigin: https://hub.test\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`
  const targets = [
    '/u/atmosphere_stage/../oceans_stage/stream',
    '/u/atmosphere_stage/%2e%2e/oceans_stage/stream',
    '/u/atmosphere_stage//stream',
    '/u/atmosphere_stage/stream;x',
    '/u/atmosphere_stage/stream/../../oceans_stage/stream',
    'http://hub.test/u/oceans_stage/stream',
    '//u/oceans_stage/stream',
  ]
  for (const target of targets) {
    const answer = await sendRaw(hub.port, `GET ${target} HTTP/1.1\r\n${upgrade}`)
    assert.match(answer, /^HTTP\/1\.1 40[04] /, `${target} was answered ${answer.slice(0, 40)}`)
  }
  assert.equal(asked, 0)
})
