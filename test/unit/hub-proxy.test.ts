import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { codeOf } from '../harness/code-of.ts'
import { startServing } from '../harness/serving.ts'
import { until } from '../harness/until.ts'

const json = { 'content-type': 'application/json' }

test('a person reads through the hub; the UI server gets a fresh assertion and no cookie', async (t) => {
  const seen: { url: string; headers: NodeJS.Dict<string | string[]> }[] = []
  const hub = await startServing(t, {
    answer: (incoming, response) => {
      seen.push({ url: incoming.url ?? '', headers: incoming.headers })
      response.writeHead(200, { ...json, etag: '"1"', 'last-modified': 'Sun, 22 Nov 2026 06:00:00 GMT' })
      response.end('{"ok":true}')
    },
  })
  const jacintar = await hub.signIn('jacintar', ['oidc/ops', 'oidc/of-no-concern'])
  assert.equal(codeOf(await jacintar.get('/u/atmosphere_stage/workflows')), 'server.off')

  await hub.open('atmosphere_stage')
  const answer = await jacintar.get('/u/atmosphere_stage/workflows?x=1', {
    accept: 'application/json',
    'if-none-match': '"0"',
  })
  assert.equal(answer.status, 200)
  assert.deepEqual(answer.body, { ok: true })
  assert.equal(answer.headers.etag, '"1"')
  assert.equal(answer.headers['cache-control'], 'no-store')
  assert.equal(answer.headers['content-security-policy'], "sandbox; default-src 'none'")
  const [got] = seen
  assert.equal(got?.url, '/workflows?x=1')
  assert.equal(got?.headers.cookie, undefined)
  assert.equal(got?.headers['if-none-match'], '"0"')
  const [, token = ''] = String(got?.headers.authorization).split(' ')
  const assertion = await hub.verifier.verifyAssertion(token, hub.servers.audience('atmosphere_stage'))
  assert.equal(assertion.sub, 'jacintar')
  assert.deepEqual(assertion.groups, ['oidc/ops'])
})

test('HEAD, ranges and unchanged answers keep their status and their headers', async (t) => {
  const hub = await startServing(t, {
    answer: (incoming, response) => {
      if (incoming.headers['if-none-match'] === '"1"') response.writeHead(304, { etag: '"1"' }).end()
      else if (incoming.headers.range === 'bytes=1-2')
        response
          .writeHead(206, {
            'content-type': 'text/plain',
            'content-range': 'bytes 1-2/4',
            'content-length': 2,
          })
          .end('bc')
      else response.writeHead(200, { 'content-type': 'text/plain', 'content-length': 4 }).end('abcd')
    },
  })
  await hub.open('atmosphere_stage')
  const mel = await hub.signIn('mel')
  const path = '/u/atmosphere_stage/jobs/clouds%2F%2F1%2Fclimb%2F01/logs/job.out'
  const head = await mel.send('HEAD', path)
  assert.deepEqual([head.status, head.headers['content-length'], head.text], [200, '4', ''])
  const part = await mel.get(path, { range: 'bytes=1-2' })
  assert.deepEqual([part.status, part.headers['content-range'], part.text], [206, 'bytes 1-2/4', 'bc'])
  assert.equal((await mel.get(path, { 'if-none-match': '"1"' })).status, 304)
  const long = (letter: string) => letter.repeat(64)
  const longest = `/u/atmosphere_stage/jobs/clouds%2F%2F20261122T0600Z%2F${long('t')}%2F01/logs/${long('f')}`
  assert.equal((await mel.get(longest)).status, 200)
})

test('nothing but GET and HEAD gets below /u/', async (t) => {
  let asked = 0
  const hub = await startServing(t, {
    answer: (_incoming, response) => {
      asked += 1
      response.writeHead(200, json).end('{}')
    },
  })
  await hub.open('atmosphere_stage')
  const mel = await hub.raise(await hub.signIn('mel'), 'write')
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    const answer = await mel.send(method, '/u/atmosphere_stage/actions', {})
    assert.ok(answer.status >= 400 && answer.status < 500, `${method} ${answer.status}`)
  }
  assert.equal(asked, 0)
})

test('opening a log is recorded once per session and file, not for each range', async (t) => {
  const hub = await startServing(t, {
    answer: (incoming, response) => {
      const known = !incoming.url?.includes('missing')
      response.writeHead(known ? 200 : 404, { 'content-type': 'text/plain' }).end('log')
    },
  })
  await hub.open('atmosphere_stage')
  const mel = await hub.signIn('mel')
  const job = '/u/atmosphere_stage/jobs/clouds%2F%2F1234%2Fclimb%2F01/logs'
  for (const file of ['job.out', 'job.out', 'job.out?tail=100', 'job.err', 'missing'])
    await mel.get(`${job}/${file}`)
  const opened = hub.audit
    .search({ limit: 10, visible: () => true, event: 'log.opened' })
    .records.map(({ sentence }) => sentence)
  assert.deepEqual(opened, [
    'User mel opened a log of atmosphere_stage.clouds.climb.1234 job.err',
    'User mel opened a log of atmosphere_stage.clouds.climb.1234 job.out',
  ])
})

test('searching in logs is recorded with what was searched for, once per session', async (t) => {
  const hub = await startServing(t, {
    answer: (_incoming, response) =>
      response.writeHead(200, { 'content-type': 'application/x-ndjson' }).end(),
  })
  await hub.open('atmosphere_stage')
  const mel = await hub.signIn('mel')
  const searches = ['text=a%22b', 'text=a%22b', 'text=.&regex=1&workflow=clouds&cycle=1234&task=climb']
  for (const search of searches) await mel.get(`/u/atmosphere_stage/search?${search}`)
  const recorded = hub.audit.search({ limit: 10, visible: () => true, event: 'log.searched' }).records
  assert.deepEqual(
    recorded.map(({ sentence, workflow }) => [sentence, workflow]),
    [
      [
        'User mel searched the logs of atmosphere_stage.clouds cycle 1234 task climb for the expression "."',
        'clouds',
      ],
      ['User mel searched the logs of atmosphere_stage for the text "a\\"b"', null],
    ],
  )
})

test('a large answer reaches the browser whole, and no faster than it reads', async (t) => {
  const piece = randomBytes(64 * 1024)
  const pieces = 512
  let written = 0
  const hub = await startServing(t, {
    answer: (_incoming, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' })
      const all = function* () {
        for (let count = 0; count < pieces; count += 1) {
          written += piece.length
          yield piece
        }
      }
      Readable.from(all()).pipe(response)
    },
  })
  await hub.open('atmosphere_stage')
  const { headers } = await hub.signIn('mel')
  const get = request({ port: hub.port, host: '127.0.0.1', path: '/u/atmosphere_stage/big', headers })
  get.end()
  const [response] = (await once(get, 'response')) as [import('node:http').IncomingMessage]
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.ok(written < 16 * 1024 * 1024, `${written} bytes were taken for a browser that reads none`)
  const hash = createHash('sha256')
  for await (const chunk of response) hash.update(chunk as Buffer)
  const expected = createHash('sha256')
  for (let count = 0; count < pieces; count += 1) expected.update(piece)
  assert.equal(hash.digest('hex'), expected.digest('hex'))
})

test('a browser that goes away ends the work upstream, before and after the head of the answer', async (t) => {
  const ended: string[] = []
  const begun: string[] = []
  const hub = await startServing(t, {
    answer: (incoming, response) => {
      const url = incoming.url ?? ''
      begun.push(url)
      response.once('close', () => ended.push(url))
      if (url === '/after') response.writeHead(200, { 'content-type': 'text/plain' }).write('begin')
    },
  })
  await hub.open('atmosphere_stage')
  const { headers } = await hub.signIn('mel')
  for (const path of ['/before', '/after']) {
    const get = request({ port: hub.port, host: '127.0.0.1', path: `/u/atmosphere_stage${path}`, headers })
    let answered = false
    get.once('response', (response) => {
      answered = true
      response.on('error', () => undefined)
    })
    get.on('error', () => undefined).end()
    await until(() => begun.includes(path) && (path === '/before' || answered))
    get.destroy()
    await until(() => ended.includes(path))
  }
})

test('a UI server that dies is a clear answer, and is noticed at once', async (t) => {
  const hub = await startServing(t, {
    answer: (incoming, response) => {
      if (incoming.url === '/breaks') response.destroy()
      else response.writeHead(200, json).end('{}')
    },
  })
  await hub.open('atmosphere_stage')
  const mel = await hub.signIn('mel')
  assert.equal((await mel.get('/u/atmosphere_stage/workflows')).status, 200)
  assert.equal(codeOf(await mel.get('/u/atmosphere_stage/breaks')), 'tunnel.closed')
  hub.spawner.kill('atmosphere_stage')
  const answer = await mel.get('/u/atmosphere_stage/workflows')
  assert.ok(['server.off', 'tunnel.closed'].includes(codeOf(answer)), codeOf(answer))
  // Somebody read from it just now, so it is not only noticed but brought back.
  await until(() => hub.spawner.starts.length === 2 && hub.servers.row('atmosphere_stage').state === 'on')
})
