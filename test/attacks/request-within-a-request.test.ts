/** Row 15: one request that the hub and the account's server might read as two, over a raw connection. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sendRaw } from '../harness/http.ts'
import { startTestHub } from '../harness/hub.ts'
import { until } from '../harness/until.ts'

const hidden = 'GET /u/atmosphere_stage/smuggled HTTP/1.1\r\nhost: x\r\n\r\n'
const chunked = (body: string) => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`

/** What comes behind the request line, the host and the cookie. */
const lies: Readonly<Record<string, string>> = {
  'a length and chunks': `content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
  'chunks and a length': `transfer-encoding: chunked\r\ncontent-length: ${hidden.length}\r\n\r\n${chunked('x')}${hidden}`,
  'two lengths': `content-length: 0\r\ncontent-length: ${hidden.length}\r\n\r\n${hidden}`,
  'a list of lengths': `content-length: 0, ${hidden.length}\r\n\r\n${hidden}`,
  'a signed length': `content-length: +${hidden.length}\r\n\r\n${hidden}`,
  'a negative length': `content-length: -1\r\n\r\n${hidden}`,
  'a length in another base': `content-length: 0x10\r\n\r\n${hidden}`,
  'chunks under another name': `transfer-encoding: xchunked\r\ncontent-length: 3\r\n\r\n${chunked('x')}${hidden}`,
  'chunks with a tab': `transfer-encoding:\tchunked\r\ncontent-length: 3\r\n\r\n${chunked('x')}${hidden}`,
  'chunks with a blank before the colon': `transfer-encoding : chunked\r\n\r\n${chunked('x')}${hidden}`,
  'chunks twice': `transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n${chunked('x')}${hidden}`,
  'bare line feeds': `x: y\ntransfer-encoding: chunked\n\n${chunked('x')}${hidden}`,
  'a bare return': `x: y\rtransfer-encoding: chunked\r\n\r\n${chunked('x')}${hidden}`,
  'a folded line': `x: y\r\n transfer-encoding: chunked\r\n\r\n${chunked('x')}${hidden}`,
  'a NUL in a header': `x: y\0z\r\n\r\n${hidden}`,
  'a chunk whose size overflows': `transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n${hidden}`,
  'a chunk extension with a line feed': `transfer-encoding: chunked\r\n\r\n1;a\nb\r\nx\r\n0\r\n\r\n${hidden}`,
  'an upgrade that is none, with a request behind it': `connection: upgrade\r\nupgrade: h2c\r\n\r\n${hidden}`,
}

test('whatever follows a request is never a second one to the account’s server, nor anybody’s answer', async (t) => {
  const seen: string[] = []
  const h = await startTestHub(t, {
    answer: (request, response) => {
      seen.push(String(request.url))
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    },
  })
  const browser = await h.signIn('jacintar')
  await browser.change('POST', '/api/accounts/atmosphere_stage/server', {})
  await until(async () => (await browser.ask('GET', '/u/atmosphere_stage/workflows')).status === 200)
  const cookie = browser.cookieHeader(new URL('https://hub.test'))
  for (const method of ['GET', 'POST'])
    for (const [what, lie] of Object.entries(lies)) {
      const head = `${method} /u/atmosphere_stage/workflows HTTP/1.1\r\nhost: hub.test\r\ncookie: ${cookie}\r\nconnection: close\r\n`
      seen.length = 0
      const answer = await Promise.race([
        sendRaw(h.port, head + lie).catch((thrown: NodeJS.ErrnoException) => String(thrown.code)),
        // A request that never ends is no second one.
        new Promise<string>((resolve) => setTimeout(resolve, 1500, 'nothing').unref()),
      ])
      assert.ok(seen.length <= 1, `${method} with ${what}: ${seen}`)
      assert.ok(!seen.join().includes('smuggled'), what)
      assert.deepEqual(
        answer.match(/HTTP\/1\.1 [0-9]{3}/g),
        ['HTTP/1.1 400'],
        `${method} with ${what}: ${answer}`,
      )
    }
  assert.equal((await browser.ask('GET', '/u/atmosphere_stage/workflows')).status, 200)
})
