/** Row 28: somebody fills the disk of the audit log, so that nobody can stop what he started. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { verifyChain } from '../../durable/chain-verify.ts'
import { openAudit } from '../../hub/audit.ts'
import { createLog } from '../../hub/log.ts'
import { cannotMount, mountSmall } from '../harness/filesystem.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const intent = (action: string) =>
  ({ event: 'action.intended', outcome: 'allowed', person: 'mel', account: 'a_b', action }) as const

test('what stops things is recorded from the reserve, what starts them is refused, and all of it is one chain', {
  skip: cannotMount,
}, async (t) => {
  const dir = join(await temporaryDirectory(t), 'disk')
  const disk = mountSmall(dir, 2 * 1024 * 1024)
  // Before the directory that it is mounted in goes.
  using closing = new DisposableStack()
  closing.defer(disk.end)
  const lines: string[] = []
  const log = createLog({ logLevel: 'info', name: 'test' }, { write: (line) => void lines.push(line) })
  const reserve = 512 * 1024
  const audit = await openAudit({ dir, writer: 'hub/test', wall: Date.now, log, reserve })
  await using open = new AsyncDisposableStack()
  open.defer(() => audit.close())
  await audit.record(intent('trigger'))
  assert.equal(audit.search({ limit: 1, visible: () => true }).records.length, 1)
  assert.equal(audit.health().writable, true)
  disk.fill()
  // What is left of the last block is used up first.
  await assert.rejects(
    async () => {
      for (let count = 0; count < 100; count += 1) await audit.record(intent('trigger'))
    },
    { code: 'audit.unwritable' },
  )
  assert.equal(audit.health().writable, false)
  for (const action of ['stop', 'hold', 'kill', 'pause', 'stop', 'kill']) {
    await audit.record(intent(action))
    await assert.rejects(audit.record(intent('trigger')), { code: 'audit.unwritable' })
    await assert.rejects(audit.record({ event: 'session.signed-in', outcome: 'done', person: 'mel' }), {
      code: 'audit.unwritable',
    })
  }
  assert.equal(lines.filter((line) => line.includes('reading goes on')).length, 1, 'told once')
  assert.ok(audit.search({ limit: 1, visible: () => true }).records.length > 0, 'reading goes on')
  disk.makeRoom()
  await until(() => audit.health().writable)
  await audit.record(intent('trigger'))
  const head = audit.head().split('=')[1] ?? ''
  const report = await verifyChain(dir, { anchors: [{ writer: 'hub/test', head }] })
  assert.equal(report.ok, true, JSON.stringify(report.chains))
})
