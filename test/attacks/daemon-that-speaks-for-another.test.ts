/** A daemon, or whoever holds its host, that publishes rows, permissions and records about what another one runs. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { localFeed } from '../../hub/daemons/feeds.ts'
import { createLog } from '../../hub/log.ts'
import { createSite } from '../../hub/site.ts'
import type { AuditRecord } from '../../protocol/audit.ts'
import { daemonRecord } from '../harness/audit-record.ts'
import { accountRow, layer, requestRow, siteFeed, snapshotOf, summaryRow } from '../harness/site-feed.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const request = '01890000-0000-7000-8000-000000000001'
const entry = { owners: [], cli: 'refuse', workflows: {} } as const
const mel = { kind: 'person', name: 'mel', groups: [] } as const

test('a daemon is heard about its own accounts, in its own name, and about nothing else', async (t) => {
  const dir = await temporaryDirectory(t)
  const north = await siteFeed(t, join(dir, 'north'))
  const south = await siteFeed(t, join(dir, 'south'))
  const lines: string[] = []
  const audited: AuditRecord[] = []
  const site = createSite({
    daemons: [
      { name: 'north', follow: localFeed(north.dir, 20), accounts: ['atmosphere_stage'] },
      { name: 'south', follow: localFeed(south.dir, 20), accounts: ['oceans_stage'] },
    ],
    now: Date.now,
    log: createLog({ logLevel: 'warn', name: 'test' }, { write: (line) => void lines.push(line) }),
    ingestAudit: (records) => audited.push(...records),
  })
  t.after(() => site.close())
  await north.permissions(
    snapshotOf({ accounts: { atmosphere_stage: entry }, site: layer({ read: [] }), version: 1 }),
  )
  await north.put('account', 'atmosphere_stage', accountRow('atmosphere_stage'))
  await north.put('summary', 'atmosphere_stage/clouds', summaryRow('atmosphere_stage', 'clouds', { at: 1 }))

  // Everybody may read all of it, says the one that does not serve it.
  await south.permissions(
    snapshotOf({ accounts: { atmosphere_stage: entry, oceans_stage: entry }, version: 9 }),
  )
  await south.put('account', 'atmosphere_stage', { ...accountRow('atmosphere_stage'), title: 'Taken over' })
  await south.put('summary', 'atmosphere_stage/clouds', summaryRow('atmosphere_stage', 'clouds', { at: 2 }))
  await south.put('request', request, requestRow(request, 'atmosphere_stage'))
  await south.drop('summary', 'atmosphere_stage/clouds')
  const own = { account: 'oceans_stage', request }
  for (const [seq, lie] of [
    { writer: 'daemon/north', ...own },
    { writer: 'hub/hub', ...own },
    { writer: 'daemon/south', account: 'atmosphere_stage', request },
    { writer: 'daemon/south', ...own },
  ].entries())
    await south.put('audit', `${lie.writer}#${seq}`, daemonRecord(seq, lie))
  await south.put('account', 'oceans_stage', accountRow('oceans_stage'))

  await until(() => site.view.account('oceans_stage') !== undefined && audited.length > 0)
  await until(() => site.policy.snapshot('oceans_stage')?.version === 9)
  assert.deepEqual(
    audited.map(({ writer, account }) => [writer, account]),
    [['daemon/south', 'oceans_stage']],
  )
  assert.equal(site.view.account('atmosphere_stage')?.title, null)
  assert.equal(site.view.account('atmosphere_stage')?.daemon, 'north')
  await until(() => site.view.summary('atmosphere_stage', 'clouds') !== undefined)
  assert.equal(site.view.summary('atmosphere_stage', 'clouds')?.at, 1)
  assert.equal(site.view.request(request), undefined)
  const may = (account: string) => site.policy.decide({ who: mel, action: 'view', account }).allowed
  assert.deepEqual([may('atmosphere_stage'), may('oceans_stage')], [false, true])
  // One line for each name that it used, however often.
  assert.equal(lines.filter((line) => line.includes('not of this daemon')).length, 3)
})
