/** Row 28: what is only derived cannot be written, and takes the picture and the hub with it. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { openAudit } from '../../hub/audit.ts'
import { createLog } from '../../hub/log.ts'
import { createSiteRows } from '../../hub/site-rows.ts'
import { daemonRecord } from '../harness/audit-record.ts'
import { summaryRow } from '../harness/site-feed.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const everything = { limit: 100, visible: () => true }

const room = async (t: TestContext) => {
  const dir = await temporaryDirectory(t)
  const lines: string[] = []
  const log = createLog({ logLevel: 'error', name: 'test' }, { write: (line) => void lines.push(line) })
  const open = () => openAudit({ dir, writer: 'hub/test', wall: () => 1000, log })
  const audit = await open()
  /** Nobody can write the index until the returned function is called. */
  const occupy = () => {
    const other = new DatabaseSync(join(dir, 'index.sqlite'))
    other.exec('begin immediate')
    return () => other.close()
  }
  return { audit, open, occupy, lines }
}
const batch = (from: number, count: number) =>
  Array.from({ length: count }, (_, at) => daemonRecord(from + at))

test('what the daemon says is shown and told all the same, each record once', async (t) => {
  const { audit, occupy, lines } = await room(t)
  t.after(() => audit.close())
  const free = occupy()
  const told: number[] = []
  audit.onRecord(({ seq }) => void told.push(seq))
  const log = createLog({ logLevel: 'silent', name: 'test' })
  const rows = createSiteRows({ log, daemons: [{ name: 'main' }], ingestAudit: audit.ingest })
  let shown = 0
  rows.onChange(() => {
    shown += 1
  })
  const put = (seq: number) =>
    rows.apply(
      'main',
      [
        { kind: 'audit', key: `daemon/main#${seq}`, row: daemonRecord(seq) },
        { kind: 'summary', key: 'a_b/clouds', row: summaryRow('a_b', 'clouds') },
      ],
      [],
    )
  for (const seq of [1, 2, 3, 3, 2]) put(seq)
  assert.deepEqual([told, shown], [[1, 2, 3], 5])
  await until(() => lines.length > 0)
  for (const seq of [4, 5, 6]) put(seq)
  audit.search(everything)
  assert.equal(lines.length, 1, 'told once, not once per record')
  free()
  await until(() => audit.search(everything).records.length === 6)
  put(3)
  assert.deepEqual(told, [1, 2, 3, 4, 5, 6])
})

test('taking many records while none can be written takes no longer for each', async (t) => {
  const { audit, occupy } = await room(t)
  t.after(() => audit.close())
  const free = occupy()
  const started = performance.now()
  // A feed that begins anew brings its last thousand.
  for (let from = 1; from < 10_000; from += 500) audit.ingest(batch(from, 1000))
  assert.ok(performance.now() - started < 5000, `${performance.now() - started} ms`)
  free()
  await until(
    () => audit.search({ ...everything, until: Date.parse(daemonRecord(2).time) }).records.length === 1,
  )
})

test('what no longer found room in memory is read from the chain again at the next start', async (t) => {
  const { audit, open, occupy } = await room(t)
  const free = occupy()
  for (const person of ['mel', 'jacintar'])
    await audit.record({ event: 'session.signed-in', outcome: 'done', person })
  audit.ingest(batch(1, 25_000))
  free()
  await audit.record({ event: 'session.signed-in', outcome: 'done', person: 'later' })
  const signIns = (found: typeof audit) =>
    found.search({ ...everything, event: 'session.signed-in' }).records.map(({ person }) => person)
  await until(() => signIns(audit).includes('later'))
  assert.deepEqual(signIns(audit), ['later'], 'the oldest had to go')
  await audit.close()
  for (const _ of ['the start that mends it', 'and one after it']) {
    const again = await open()
    assert.deepEqual(signIns(again), ['later', 'jacintar', 'mel'])
    await again.close()
  }
})
