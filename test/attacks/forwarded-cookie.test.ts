/** Row 17: the browser's own cookie, which opens its session, on the way to a UI server: by HTTP, socket and action. */
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { WebSocketServer } from 'ws'
import { sendRaw } from '../harness/http.ts'
import { startServing } from '../harness/serving.ts'

const spellings = ['cookie', 'Cookie', 'COOKIE']
/** Beside the real one: what would be forwarded were it taken for another header. */
const others = ['Cookie2: $Version=1', 'Set-Cookie: a=b', 'X-Cookie: a=b', 'cookie: other=1', '']

test('no UI server ever sees a cookie, or a byte of the session’s', async (t) => {
  const seen: { readonly head: string; readonly body: string }[] = []
  const sockets = new WebSocketServer({ noServer: true })
  const headOf = ({ url, rawHeaders }: IncomingMessage) => JSON.stringify([url, rawHeaders])
  const hub = await startServing(t, {
    answer: async (request, response) => {
      let body = ''
      for await (const piece of request) body += piece
      seen.push({ head: headOf(request), body })
      response
        .writeHead(request.method === 'POST' ? 202 : 200, { 'content-type': 'application/json' })
        .end('{}')
    },
    upgrade: (request, socket, head) => {
      seen.push({ head: headOf(request), body: '' })
      sockets.handleUpgrade(request, socket, head, (ws) => ws.terminate())
    },
  })
  await hub.open('atmosphere_stage')
  const { headers, session, send } = await hub.raise(await hub.signIn('jacintar'), 'execute')
  const [, secret = ''] = (headers.cookie ?? '').split('=')
  assert.equal(secret.length, 43)

  const upgrade =
    'origin: https://hub.test\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  for (const name of spellings)
    for (const other of others) {
      const cookies = `${name}: ${headers.cookie}\r\n${other === '' ? '' : `${other}\r\n`}`
      const start = (path: string) =>
        `GET /u/atmosphere_stage/${path} HTTP/1.1\r\nhost: hub.test\r\n${cookies}`
      assert.match(
        await sendRaw(hub.port, `${start('workflows')}connection: close\r\n\r\n`),
        /^HTTP\/1\.1 200 /,
      )
      assert.match(await sendRaw(hub.port, `${start('stream')}${upgrade}\r\n`), /^HTTP\/1\.1 101 /)
    }
  const held = await send('POST', '/api/accounts/atmosphere_stage/actions/hold', {
    workflow: 'clouds',
    args: {},
  })
  assert.equal(held.status, 202)

  assert.equal(seen.length, spellings.length * others.length * 2 + 1)
  for (const { head, body } of seen) {
    assert.doesNotMatch(head, /cookie/i)
    for (const value of [secret, session?.csrf ?? '?']) assert.ok(!`${head}${body}`.includes(value))
  }
})
