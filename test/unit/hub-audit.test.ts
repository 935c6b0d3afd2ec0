/** The audit log for people: search, pages, what each may see, and live. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openAudit } from '../../hub/audit.ts'
import { createLog } from '../../hub/log.ts'
import { auditBody, auditFrame } from '../../protocol/api.ts'
import type { AuditRecord } from '../../protocol/audit.ts'
import { daemonRecord } from '../harness/audit-record.ts'
import { codeOf } from '../harness/code-of.ts'
import { permissions, startTestHub } from '../harness/hub.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const log = createLog({ logLevel: 'silent', name: 'test' })
const everything = { limit: 100, visible: () => true }

test('what was recorded is found at once, newest first, by each of its properties', async (t) => {
  const dir = await temporaryDirectory(t)
  const time = { now: 1000 }
  const audit = await openAudit({ dir, writer: 'hub/test', wall: () => time.now, log })
  t.after(() => audit.close())
  await audit.record({ event: 'session.signed-in', outcome: 'done', person: 'mel' })
  time.now = 2000
  await audit.record({ event: 'session.signed-in', outcome: 'done', person: 'jacintar', account: 'a_b' })
  time.now = 3000
  await audit.record({ event: 'session.signed-out', outcome: 'done', person: 'mel', reason: null })
  const persons = (query: object) =>
    audit.search({ ...everything, ...query }).records.map(({ person, seq }) => `${person}${seq}`)
  assert.deepEqual(persons({}), ['mel3', 'jacintar2', 'mel1'])
  assert.deepEqual(persons({ person: 'mel' }), ['mel3', 'mel1'])
  assert.deepEqual(persons({ account: 'a_b' }), ['jacintar2'])
  assert.deepEqual(persons({ event: 'session.signed-out' }), ['mel3'])
  assert.deepEqual(persons({ since: 2000, until: 3000 }), ['jacintar2'])
  assert.deepEqual(persons({ text: 'SIGNED OUT' }), ['mel3'])
  assert.deepEqual(persons({ text: 'a_b' }), ['jacintar2'])
  assert.deepEqual(persons({ text: '%' }), [], 'a percent sign is a percent sign')
})

test('pages follow each other without gap or repetition, also over records of the same millisecond', async (t) => {
  const dir = await temporaryDirectory(t)
  const audit = await openAudit({ dir, writer: 'hub/test', wall: () => 1000, log })
  t.after(() => audit.close())
  for (let count = 0; count < 25; count += 1)
    await audit.record({ event: 'session.signed-in', outcome: 'done', person: `p${count}` })
  const seen: number[] = []
  let cursor: string | undefined
  do {
    const page = audit.search({
      ...everything,
      limit: 10,
      cursor,
      visible: ({ person }) => !/[05]$/.test(`${person}`),
    })
    seen.push(...page.records.map(({ seq }) => seq))
    cursor = page.cursor ?? undefined
  } while (cursor !== undefined)
  assert.deepEqual(
    seen,
    // `p0` is the first.
    Array.from({ length: 25 }, (_, index) => 25 - index).filter((seq) => seq % 5 !== 1),
  )
})

test('an index that was thrown away is made again out of the chain', async (t) => {
  const dir = await temporaryDirectory(t)
  const first = await openAudit({ dir, writer: 'hub/test', wall: () => 1000, log })
  for (const person of ['mel', 'jacintar'])
    await first.record({ event: 'session.signed-in', outcome: 'done', person })
  await first.close()
  for (const name of ['index.sqlite', 'index.sqlite-wal', 'index.sqlite-shm'])
    await rm(join(dir, name), { force: true })
  const second = await openAudit({ dir, writer: 'hub/test', wall: () => 1000, log })
  t.after(() => second.close())
  assert.deepEqual(
    second.search(everything).records.map(({ person }) => person),
    ['jacintar', 'mel'],
  )
})

test('records of the daemon are taken once, however often they come, and never as our own', async (t) => {
  const audit = await openAudit({
    dir: await temporaryDirectory(t),
    writer: 'hub/test',
    wall: () => 1000,
    log,
  })
  t.after(() => audit.close())
  const told: string[] = []
  audit.onRecord(({ writer, seq }) => void told.push(`${writer}#${seq}`))
  audit.ingest([daemonRecord(1), daemonRecord(2), daemonRecord(2)])
  audit.ingest([daemonRecord(1), daemonRecord(2), daemonRecord(3)])
  audit.ingest([daemonRecord(1, { writer: 'hub/test' })])
  assert.deepEqual(told, ['daemon/main#1', 'daemon/main#2', 'daemon/main#3'])
  assert.equal(audit.search(everything).records.length, 3)
})

const search = async (h: Awaited<ReturnType<typeof startTestHub>>, person: string, query = '') => {
  const page = await (await h.signIn(person)).ask('GET', `/api/audit?limit=500${query}`)
  assert.equal(page.status, 200, page.text)
  return auditBody.parse(page.body).records
}

test('people see what they did and what was done where they may look; auditors see all, with addresses', async (t) => {
  const h = await startTestHub(t, {
    permissions: permissions({ roles: { admin: [], auditor: ['user:admin'], developer: [] } }),
  })
  const secret = { workflow: 'secret', sentence: 'secret thing' }
  const records = [
    daemonRecord(1),
    daemonRecord(2, secret),
    daemonRecord(3, { ...secret, person: 'mel', sentence: 'mel in secret' }),
    daemonRecord(4, { account: 'oceans_stage', workflow: 'waves', sentence: 'waves thing' }),
    daemonRecord(5, { account: null, workflow: null, person: 'admin', sentence: 'admin elsewhere' }),
  ]
  for (const record of records) await h.feed.put('audit', `${record.writer}#${record.seq}`, record)
  const admin = await h.signIn('admin')
  await until(async () => (await admin.ask('GET', '/api/audit?text=thing')).text.includes('waves thing'))
  const daemons = (list: readonly AuditRecord[]) =>
    list.filter(({ writer }) => writer === 'daemon/main').map(({ seq }) => seq)

  assert.deepEqual(daemons(await search(h, 'admin')), [5, 4, 3, 2, 1])
  const mels = await search(h, 'mel')
  assert.deepEqual(daemons(mels), [4, 3, 1])
  assert.equal(mels.find(({ seq, writer }) => writer === 'daemon/main' && seq === 1)?.address, null)
  assert.equal(mels.find(({ event }) => event === 'session.signed-in')?.address, '127.0.0.1', 'her own')
  assert.ok(!mels.some(({ event, person }) => event === 'session.signed-in' && person !== 'mel'))
  assert.deepEqual(daemons(await search(h, 'jacintar')), [4, 2, 1], 'also what she did herself')
  assert.equal(
    (await search(h, 'admin')).find(({ account }) => account === 'oceans_stage')?.address,
    '10.0.0.1',
  )
})

test('a question that is none is refused, and so is a cursor of nobody', async (t) => {
  const h = await startTestHub(t)
  const browser = await h.signIn('mel')
  for (const query of [
    'since=soon',
    'event=no.such',
    'cursor=x',
    'cursor=W10',
    'limit=0',
    'more=1',
    'person=',
  ])
    assert.equal(codeOf(await browser.ask('GET', `/api/audit?${query}`)), 'input.invalid', query)
  for (const query of ['since=2026-01-01T00:00:00Z', 'until=1700000000000'])
    assert.equal((await browser.ask('GET', `/api/audit?${query}`)).status, 200)
})

test('who watches hears of what they may see, live, and of nothing else', async (t) => {
  const h = await startTestHub(t)
  const mel = await h.signIn('mel')
  const socket = await mel.socket('/api/audit/stream')
  await h.signIn('jacintar')
  await h.feed.put('audit', 'daemon/main#1', daemonRecord(1, { workflow: 'secret', sentence: 'hidden' }))
  await h.feed.put('audit', 'daemon/main#2', daemonRecord(2))
  await until(() => socket.messages.length > 0)
  const records = socket.messages.flatMap((text) => auditFrame.parse(JSON.parse(text)).records)
  assert.deepEqual(
    records.map(({ sentence }) => sentence),
    [daemonRecord(2).sentence],
  )
  socket.socket.send('{"hello":1}')
  assert.equal(await socket.closed, 1008, 'sockets only listen')
})
