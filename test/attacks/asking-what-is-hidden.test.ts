/** Threats 35 and 48: finding out what exists by asking for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { auditBody, auditFrame } from '../../protocol/api.ts'
import { daemonRecord } from '../harness/audit-record.ts'
import type { Answer } from '../harness/http.ts'
import { startTestHub } from '../harness/hub.ts'
import { startServing } from '../harness/serving.ts'
import { requestRow, summaryRow } from '../harness/site-feed.ts'
import { until } from '../harness/until.ts'

/** An answer without what differs each time anyway. */
const shape = ({ status, headers, text }: Answer) => {
  const { date: _date, ...others } = headers
  return { status, headers: others, text: text.replace(/"request":"[^"]*"/, '"request":""') }
}

test('hidden and absent accounts, workflows, requests and explanations are answered alike', async (t) => {
  const hub = await startServing(t, {
    answer: (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    },
  })
  await hub.feed.put(
    'request',
    '01890000-0000-7000-8000-000000000001',
    requestRow('01890000-0000-7000-8000-000000000001', 'atmosphere_stage', {
      workflow: 'secret',
      person: 'owner',
    }),
  )
  await hub.open('atmosphere_stage')
  await hub.open('oceans_stage')
  const jacintar = await hub.raise(await hub.signIn('jacintar'), 'execute')
  const owner = await hub.signIn('owner')
  const known = '/api/requests/01890000-0000-7000-8000-000000000001'
  for (let tries = 0; tries < 100 && (await owner.get(known)).status !== 200; tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 10))
  assert.equal((await owner.get(known)).status, 200, 'its owner sees it')

  const pairs = [
    ['/api/accounts/oceans_stage', '/api/accounts/nowhere'],
    ['/api/accounts/oceans_stage/server/progress', '/api/accounts/nowhere/server/progress'],
    [known, '/api/requests/01890000-0000-7000-8000-00000000ffff'],
    [known, '/api/requests/nonsense'],
    ['/u/oceans_stage/workflows', '/u/nowhere/workflows'],
    ['/u/atmosphere_stage/workflows/secret', '/u/atmosphere_stage/workflows/nothing'],
    ['/u/atmosphere_stage/workflows/secret/source', '/u/atmosphere_stage/workflows/nothing/source'],
    ['/u/atmosphere_stage/jobs?workflow=secret', '/u/atmosphere_stage/jobs?workflow=nothing'],
    [
      '/u/atmosphere_stage/jobs/secret%2F%2F1%2Fa%2F01/logs/job.out',
      '/u/atmosphere_stage/jobs/nothing%2F%2F1%2Fa%2F01/logs/job.out',
    ],
    [
      '/api/explain?action=view&account=atmosphere_stage&workflow=secret',
      '/api/explain?action=view&account=atmosphere_stage&workflow=nothing',
    ],
    ['/api/explain?action=view&account=oceans_stage', '/api/explain?action=view&account=nowhere'],
    [
      '/api/explain?action=view&account=atmosphere_stage&person=owner',
      '/api/explain?action=view&account=atmosphere_stage&person=nobody',
    ],
  ] as const
  for (const [hidden, absent] of pairs)
    assert.deepEqual(shape(await jacintar.get(hidden)), shape(await jacintar.get(absent)), hidden)

  const post = (path: string, body?: unknown) => jacintar.send('POST', path, body)
  const acts = '/actions/hold'
  assert.deepEqual(
    shape(await post(`/api/accounts/atmosphere_stage${acts}`, { workflow: 'secret' })),
    shape(await post(`/api/accounts/atmosphere_stage${acts}`, { workflow: 'nothing' })),
  )
  assert.deepEqual(
    shape(await post(`/api/accounts/oceans_stage${acts}`, { workflow: 'waves' })),
    shape(await post(`/api/accounts/nowhere${acts}`, { workflow: 'waves' })),
  )
  assert.deepEqual(
    shape(await post('/api/accounts/oceans_stage/server')),
    shape(await post('/api/accounts/nowhere/server')),
  )
  assert.equal(hub.spawner.starts.length, 2, 'nothing was started for somebody who may not see it')
})

test('the accounts list and the wall do not name what is hidden, nor say that it changed', async (t) => {
  const hub = await startServing(t)
  const jacintar = await hub.signIn('jacintar')
  const list = await jacintar.get('/api/accounts')
  assert.match(list.text, /clouds/)
  assert.doesNotMatch(list.text, /secret|oceans_stage|waves/)

  const { messages, socket, closed } = await jacintar.socket('/api/wall')
  await until(() => messages.length >= 2)
  await hub.feed.put(
    'summary',
    'atmosphere_stage/secret',
    summaryRow('atmosphere_stage', 'secret', { at: 1 }),
  )
  await hub.feed.put('summary', 'oceans_stage/waves', summaryRow('oceans_stage', 'waves', { at: 1 }))
  await hub.feed.drop('summary', 'atmosphere_stage/secret')
  await hub.feed.drop('summary', 'oceans_stage/waves')
  await hub.feed.put(
    'summary',
    'atmosphere_stage/clouds',
    summaryRow('atmosphere_stage', 'clouds', { at: 7 }),
  )
  await until(() => messages.some((text) => text.includes('"at":7')))
  assert.doesNotMatch(messages.join(''), /secret|oceans_stage|waves/)
  socket.close()
  await closed
})

test('the audit log tells nobody of records that they may not see, by answers, pages, files or frames', async (t) => {
  const hub = await startTestHub(t)
  const jacintar = await hub.signIn('jacintar')
  const live = await jacintar.socket('/api/audit/stream?text=thing')
  // Every second one is hidden, and the newest and the oldest are.
  for (let seq = 1; seq <= 9; seq += 1) {
    const hidden = {
      workflow: 'secret',
      person: 'owner',
      sentence: `hidden thing ${seq}`,
      request: `r-${seq}`,
    }
    const shown = { person: 'owner', sentence: `open thing ${seq}` }
    await hub.feed.put('audit', `daemon/main#${seq}`, daemonRecord(seq, seq % 2 === 1 ? hidden : shown))
  }
  const ask = async (query: string) => {
    const answer = await jacintar.ask('GET', `/api/audit?${query}`)
    assert.equal(answer.status, 200, answer.text)
    return auditBody.parse(answer.body)
  }
  const seqs = ({ records }: Awaited<ReturnType<typeof ask>>) => records.map(({ seq }) => seq)
  await until(async () => seqs(await ask('text=thing')).includes(8))
  // The last one that is seen is the last one that is told of: a cursor would say that there is more.
  const all = await ask('text=thing&limit=4')
  assert.deepEqual([seqs(all), all.cursor], [[8, 6, 4, 2], null])
  const first = await ask('text=thing&limit=3')
  assert.deepEqual(seqs(first), [8, 6, 4])
  const rest = await ask(`text=thing&limit=3&cursor=${first.cursor}`)
  assert.deepEqual([seqs(rest), rest.cursor], [[2], null])
  const pairs = [
    ['account=atmosphere_stage&workflow=secret', 'account=atmosphere_stage&workflow=nothing'],
    ['text=hidden', 'text=nowhere'],
    ['text=r-9', 'text=r-0'],
    ['text=r-9&until=1700000009001', 'text=r-0&until=1700000009001'],
    ['person=owner&workflow=secret', 'person=nobody&workflow=secret'],
  ] as const
  for (const [hidden, absent] of pairs)
    for (const path of ['/api/audit', '/api/audit/export']) {
      const [one, other] = [
        await jacintar.ask('GET', `${path}?${hidden}`),
        await jacintar.ask('GET', `${path}?${absent}`),
      ]
      assert.deepEqual([one.status, one.text], [other.status, other.text], hidden)
    }
  const file = await jacintar.ask('GET', '/api/audit/export?text=thing')
  assert.doesNotMatch(file.text, /hidden|r-\d/)
  const told = () => live.messages.flatMap((text) => auditFrame.parse(JSON.parse(text)).records)
  await until(() => told().some(({ seq }) => seq === 8))
  assert.deepEqual(
    told().map(({ seq }) => seq),
    [2, 4, 6, 8],
  )
  live.socket.terminate()
})
