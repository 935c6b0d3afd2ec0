/** Row 54, in the audit log: a search that finds nothing makes the hub read all there ever was, over and over. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { openAuditIndex } from '../../hub/audit-index.ts'
import { daemonRecord } from '../harness/audit-record.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const count = 12_000

test('who may see nothing is answered at once, whatever is hidden from them, and is told of no further page', async (t) => {
  const file = join(await temporaryDirectory(t), 'index.sqlite')
  const index = openAuditIndex(file, { onProblem: assert.ifError, isFull: () => false })
  t.after(() => index.close())
  for (let seq = 1; seq <= count; seq += 1)
    index.add([daemonRecord(seq, seq === 1 ? { person: 'mel', sentence: 'the very first' } : {})])
  let looked = 0
  const nothing = () => {
    looked += 1
    return false
  }
  for (const query of [{}, { text: 'stopped' }, { text: 'nowhere', account: 'atmosphere_stage' }]) {
    looked = 0
    const page = index.search({ ...query, limit: 100, visible: nothing })
    assert.deepEqual(page, { records: [], cursor: null })
    assert.ok(looked <= 2, `${looked} decisions for ${count} records`)
  }
  const hers = ({ person }: { readonly person: string | null }) => person === 'mel'
  assert.equal(
    index.search({ limit: 1, visible: hers }).cursor,
    null,
    'a whole page that hides nothing behind it',
  )
  const found = index.search({ text: 'THE VERY FIRST', limit: 100, visible: () => true })
  assert.deepEqual([found.records.map(({ seq }) => seq), found.cursor], [[1], null])
})

test('what looks like an expression or a query language is text', async (t) => {
  const file = join(await temporaryDirectory(t), 'index.sqlite')
  const index = openAuditIndex(file, { onProblem: assert.ifError, isFull: () => false })
  t.after(() => index.close())
  for (let seq = 1; seq <= 6000; seq += 1)
    index.add([daemonRecord(seq, seq === 7 ? { reason: '"a" OR (b*) NEAR ^c -- %_\\' } : {})])
  for (const text of ['"a" OR (b*)', 'NEAR ^c', '%_\\', '"', '--'])
    assert.deepEqual(
      index.search({ text, limit: 10, visible: () => true }).records.map(({ seq }) => seq),
      [7],
      text,
    )
  for (const text of [`${'(a+)+'.repeat(30)}$`, '" OR "stopped', 'stopped*', "' or 1=1"])
    assert.equal(index.search({ text, limit: 10, visible: () => true }).records.length, 0, text)
})
