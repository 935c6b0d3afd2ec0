/** What a hub promised is known to the next one: a request with a receipt is never unknown. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRecord, genesis } from '../../durable/chain-record.ts'
import { openAudit } from '../../hub/audit.ts'
import { createGranted } from '../../hub/granted.ts'
import { createLog } from '../../hub/log.ts'
import type { AuditEntry } from '../../protocol/audit.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const log = createLog({ logLevel: 'silent', name: 'test' })
const hour = 3_600_000
const place = { account: 'atmosphere_stage', workflow: 'clouds', person: 'jacintar', action: 'hold' } as const
const intended = (request: string): AuditEntry => ({
  event: 'action.intended',
  outcome: 'allowed',
  request,
  ...place,
})
const done = (request: string): AuditEntry => ({ event: 'action.done', outcome: 'done', request, ...place })

test('a hub that starts knows what the one before it granted in the last hour, and how it ended', async (t) => {
  const dir = await temporaryDirectory(t)
  const clock = { at: 0 }
  const now = () => clock.at
  const first = await openAudit({ dir, writer: 'hub/test', wall: now, log })
  await first.record(intended('old'))
  clock.at = hour
  for (const id of ['waits', 'ended', 'unsent']) await first.record(intended(id))
  await first.record({ event: 'action.not-sent', outcome: 'failed', request: 'unsent', ...place })
  // The daemon's clock is behind.
  const record = createRecord(done('ended'), {
    writer: 'daemon/main',
    seq: 1,
    at: hour - 5,
    previous: genesis,
  })
  first.ingest([record])
  await first.close()

  const second = await openAudit({ dir, writer: 'hub/test', wall: now, log })
  t.after(() => second.close())
  clock.at = hour + 1
  const granted = createGranted({ audit: second, now })
  const expected = { person: 'jacintar', account: 'atmosphere_stage', workflow: 'clouds', code: null }
  assert.deepEqual(granted.get('waits'), { id: 'waits', state: 'waiting', ...expected })
  assert.deepEqual(granted.get('ended'), { id: 'ended', state: 'done', ...expected })
  assert.equal(granted.get('old'), undefined)
  assert.equal(granted.get('unsent'), undefined)
})

test('what is granted now is known at once, ends, and is forgotten after an hour', async (t) => {
  const dir = await temporaryDirectory(t)
  const clock = { at: hour }
  const now = () => clock.at
  const audit = await openAudit({ dir, writer: 'hub/test', wall: now, log })
  t.after(() => audit.close())
  const granted = createGranted({ audit, now })
  await audit.record(intended('a'))
  assert.equal(granted.get('a')?.state, 'waiting')
  audit.ingest([createRecord(done('a'), { writer: 'daemon/main', seq: 1, at: hour, previous: genesis })])
  assert.equal(granted.get('a')?.state, 'done')
  clock.at = 2 * hour
  assert.equal(granted.get('a'), undefined)
})
