/** Threat 10: a page of another site opens a socket with the browser's cookie. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sendRaw } from '../harness/http.ts'
import { startServing } from '../harness/serving.ts'

const origins = {
  foreign: 'origin: https://evil.test\r\n',
  null: 'origin: null\r\n',
  absent: '',
  'of a look-alike': 'origin: https://hub.test.evil.test\r\n',
  'of another scheme': 'origin: http://hub.test\r\n',
}

test('a socket whose Origin is not the hub is refused before any UI server is dialled', async (t) => {
  let asked = 0
  const hub = await startServing(t, {
    upgrade: (_request, socket) => {
      asked += 1
      socket.destroy()
    },
  })
  await hub.open('atmosphere_stage')
  const { headers } = await hub.signIn('mel')
  for (const path of ['/u/atmosphere_stage/stream', '/api/wall'])
    for (const [name, origin] of Object.entries(origins)) {
      const answer = await sendRaw(
        hub.port,
        `GET ${path} HTTP/1.1\r\nhost: hub.test\r\ncookie: ${headers.cookie}\r\n${origin}connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
      )
      assert.match(answer, /^HTTP\/1\.1 403 /, `${path} with an Origin ${name}: ${answer.slice(0, 40)}`)
      assert.match(answer, /"code":"origin\.foreign"/)
    }
  assert.equal(asked, 0)
})
