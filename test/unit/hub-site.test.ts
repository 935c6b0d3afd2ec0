import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { SiteChange } from '../../hub/context.ts'
import { localFeed } from '../../hub/daemons/feeds.ts'
import { createLog } from '../../hub/log.ts'
import { createPolicyKeeper } from '../../hub/policy-view.ts'
import { createSite } from '../../hub/site.ts'
import type { AuditRecord } from '../../protocol/audit.ts'
import { accountRow, requestRow, siteFeed, snapshotOf, summaryRow } from '../harness/site-feed.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const permissions = snapshotOf({
  accounts: { atmosphere_stage: { owners: [], cli: 'refuse', workflows: {} } },
})
const mel = { kind: 'person', name: 'mel', groups: [] } as const

const followed = async (t: TestContext, now: () => number = Date.now) => {
  const feed = await siteFeed(t, await temporaryDirectory(t))
  const lines: string[] = []
  const audited: AuditRecord[] = []
  const site = createSite({
    daemons: [{ name: 'one', follow: localFeed(feed.dir, 20) }],
    now,
    log: createLog({ logLevel: 'warn', name: 'test' }, { write: (line) => void lines.push(line) }),
    ingestAudit: (records) => audited.push(...records),
  })
  t.after(() => site.close())
  const changes: SiteChange[] = []
  site.view.onChange((change) => changes.push(change))
  return { feed, site, changes, lines, audited }
}

test('rows appear, change and go as the feed says, and listeners are told', async (t) => {
  const { feed, site, changes } = await followed(t)
  await feed.put('account', 'atmosphere_stage', accountRow('atmosphere_stage'))
  await feed.put('summary', 'atmosphere_stage/clouds', summaryRow('atmosphere_stage', 'clouds'))
  await until(() => site.view.summaries('atmosphere_stage').length === 1)
  assert.deepEqual(site.view.account('atmosphere_stage'), {
    ...accountRow('atmosphere_stage'),
    daemon: 'one',
  })
  await feed.put('summary', 'atmosphere_stage/clouds', summaryRow('atmosphere_stage', 'clouds', { at: 5 }))
  await until(() => site.view.summary('atmosphere_stage', 'clouds')?.at === 5)
  await feed.put('request', 'r1', requestRow('01890000-0000-7000-8000-000000000001', 'atmosphere_stage'))
  await until(() => site.view.request('r1') !== undefined)
  await feed.drop('summary', 'atmosphere_stage/clouds')
  await until(() => site.view.summaries('atmosphere_stage').length === 0)
  assert.deepEqual(changes.at(-1), { put: [], drop: [{ kind: 'summary', key: 'atmosphere_stage/clouds' }] })
  assert.equal(site.view.summary('atmosphere_stage', 'clouds'), undefined)
})

test('which daemon serves an account is the name that the hub has for it, not what a feed says', async (t) => {
  const { feed, site } = await followed(t)
  await feed.put('account', 'atmosphere_stage', { ...accountRow('atmosphere_stage'), daemon: 'two' })
  await until(() => site.view.account('atmosphere_stage') !== undefined)
  assert.equal(site.view.account('atmosphere_stage')?.daemon, 'one')
})

test('a hub is ready when it has read a long feed up to now, and when there is none', async (t) => {
  const feed = await siteFeed(t, await temporaryDirectory(t))
  await feed.put('account', 'atmosphere_stage', accountRow('atmosphere_stage'))
  for (let at = 1; at <= 3000; at += 1)
    feed.writer.append({
      journal: at,
      at,
      put: [
        {
          kind: 'summary',
          key: 'atmosphere_stage/clouds',
          row: summaryRow('atmosphere_stage', 'clouds', { at }),
        },
      ],
      drop: [],
    })
  await feed.writer.flush()
  const site = createSite({
    daemons: [
      { name: 'one', follow: localFeed(feed.dir, 20) },
      { name: 'none', follow: localFeed(join(feed.dir, 'nowhere'), 20) },
    ],
    now: Date.now,
    log: createLog({ logLevel: 'silent', name: 'test' }),
    ingestAudit: () => undefined,
  })
  t.after(() => site.close())
  await site.ready
  assert.equal(site.view.summary('atmosphere_stage', 'clouds')?.at, 3000)
})

test('a hub is ready without a daemon that does not answer, and with what the others say', async (t) => {
  const feed = await siteFeed(t, await temporaryDirectory(t))
  await feed.put('account', 'atmosphere_stage', accountRow('atmosphere_stage'))
  const site = createSite({
    daemons: [
      {
        name: 'hung',
        follow: (_sink, signal) => new Promise((end) => signal.addEventListener('abort', () => end())),
      },
      { name: 'one', follow: localFeed(feed.dir, 20) },
    ],
    now: Date.now,
    log: createLog({ logLevel: 'silent', name: 'test' }),
    ingestAudit: () => undefined,
    patience: 50,
  })
  t.after(() => site.close())
  await site.ready
  await until(() => site.view.account('atmosphere_stage')?.daemon === 'one')
  assert.deepEqual(
    site.view.daemons().map(({ daemon, silent }) => [daemon, silent]),
    [
      ['one', true],
      ['hung', true],
    ],
  )
})

test('a row that is not what it should be is left out and told once; the rest goes on', async (t) => {
  const { feed, site, lines } = await followed(t)
  await feed.put('summary', 'atmosphere_stage/bad', {
    ...summaryRow('atmosphere_stage', 'bad'),
    state: '<script>',
  })
  await feed.put('summary', 'atmosphere_stage/bad', { ...summaryRow('atmosphere_stage', 'bad'), state: 7 })
  await feed.put('summary', 'atmosphere_stage/good', summaryRow('atmosphere_stage', 'good'))
  await until(() => site.view.summary('atmosphere_stage', 'good') !== undefined)
  assert.equal(site.view.summary('atmosphere_stage', 'bad'), undefined)
  assert.equal(lines.filter((line) => line.includes('atmosphere_stage/bad')).length, 1)
})

test("the daemon's audit records are handed on and are no rows", async (t) => {
  const { feed, audited, changes } = await followed(t)
  const record = {
    time: '2026-11-22T06:00:00.000Z',
    writer: 'daemon/one',
    seq: 1,
    event: 'daemon.started',
    code: null,
    person: null,
    session: null,
    address: null,
    account: null,
    workflow: null,
    task: null,
    cycle: null,
    action: null,
    args: null,
    outcome: 'done',
    reason: null,
    request: null,
    sentence: 'The site started',
    hash: '0',
  }
  await feed.put('audit', 'daemon/one#1', record)
  await until(() => audited.length === 1)
  assert.deepEqual(audited, [record])
  assert.deepEqual(
    changes.filter(({ put }) => put.some(({ kind }) => kind !== 'daemon')),
    [],
  )
})

test('a daemon that was not heard of for 8 s is silent, whatever its clock says; its rows stay; then it is back', async (t) => {
  let ahead = 0
  const { feed, site } = await followed(t, () => Date.now() + ahead)
  await feed.put('account', 'atmosphere_stage', accountRow('atmosphere_stage'))
  const at = Date.now() - 20_000
  await feed.heartbeat(at - 2000)
  await until(() => site.view.daemons()[0]?.at === at - 2000)
  assert.equal(site.view.daemons()[0]?.silent, true, 'it may have lain there since then')
  await feed.heartbeat(at)
  await until(() => site.view.daemons()[0]?.silent === false)
  assert.deepEqual(site.view.daemons(), [{ daemon: 'one', at, silent: false, version: '0.1.0', codes: [] }])
  ahead = 9_000
  await until(() => site.view.daemons()[0]?.silent === true)
  await until(() => site.view.account('atmosphere_stage') !== undefined)
  await feed.heartbeat(Date.now() + ahead)
  await until(() => site.view.daemons()[0]?.silent === false)
})

test('permissions decide as soon as they are there, and are stale after 60 s without confirmation', async (t) => {
  let ahead = 0
  const { feed, site } = await followed(t, () => Date.now() + ahead)
  const question = { who: mel, action: 'view', account: 'atmosphere_stage' } as const
  assert.equal(site.policy.decide(question).allowed, false)
  assert.equal(site.policy.fresh('atmosphere_stage'), false)
  await feed.permissions({ ...permissions, at: Date.now() })
  await until(() => site.policy.snapshot() !== undefined)
  assert.equal(site.policy.decide(question).allowed, true)
  assert.equal(site.policy.fresh('atmosphere_stage'), true)
  ahead = 61_000
  assert.equal(site.policy.fresh('atmosphere_stage'), false)
  await feed.permissions({ ...permissions, at: Date.now() + ahead })
  await until(() => site.policy.fresh('atmosphere_stage'))
})

test('a feed directory that goes and comes back is followed again', async (t) => {
  const { feed, site, lines } = await followed(t)
  await feed.permissions(permissions)
  await until(() => site.policy.snapshot()?.version === 1)
  await rm(feed.dir, { recursive: true })
  await new Promise((resolve) => setTimeout(resolve, 60))
  assert.equal(site.policy.snapshot()?.version, 1)
  const again = await siteFeed(t, join(feed.dir, '../..'))
  await again.permissions({ ...permissions, version: 2 })
  await again.put('account', 'oceans_stage', accountRow('oceans_stage'))
  await until(() => site.policy.snapshot()?.version === 2 && site.view.account('oceans_stage') !== undefined)
  await writeFile(join(again.dir, 'permissions.json'), '{ half')
  await until(() => lines.some((line) => line.includes('permission snapshot')))
  assert.equal(site.policy.snapshot()?.version, 2, 'what is damaged changes nothing')
})

test('an older permission snapshot put back is not taken, and does not count as confirmation', () => {
  let now = 100_000
  const lines: string[] = []
  const log = createLog({ logLevel: 'warn', name: 'test' }, { write: (line) => void lines.push(line) })
  const keeper = createPolicyKeeper({ sources: [{ name: 'one' }], now: () => now, log })
  let changes = 0
  keeper.onChange(() => {
    changes += 1
  })
  keeper.take('one', { ...permissions, version: 5, at: now })
  keeper.take('one', { ...permissions, version: 5, at: now + 1 })
  assert.equal(changes, 1, 'a confirmation is no change')
  now += 61_000
  keeper.take('one', { ...permissions, version: 4, at: now, locks: { persons: [], accounts: [], hosts: [] } })
  keeper.take('one', { ...permissions, version: 4, at: now })
  assert.equal(keeper.snapshot()?.version, 5)
  assert.equal(keeper.fresh(), false)
  assert.equal(lines.length, 1)
})

test('each account is judged by the daemon that serves it', () => {
  const log = createLog({ logLevel: 'silent', name: 'test' })
  const sources = [{ name: 'one', accounts: ['a'] }, { name: 'two' }]
  const keeper = createPolicyKeeper({ sources, now: () => 1000, log })
  const entry = { owners: [], cli: 'refuse', workflows: {} } as const
  const closed = { rules: { read: [] }, source: { file: 'site.yaml', lines: {} } }
  keeper.take('one', snapshotOf({ accounts: { a: entry, b: entry }, site: closed, at: 1000 }))
  keeper.take('two', snapshotOf({ accounts: { a: entry, b: entry }, version: 2, at: 1000 - 61_000 }))
  const may = (account: string) => keeper.decide({ who: mel, action: 'view', account }).allowed
  assert.deepEqual([may('a'), may('b')], [false, true])
  assert.deepEqual([keeper.fresh('a'), keeper.fresh('b')], [true, false])
})
