/** Row 54, in the audit log: a search that finds nothing makes the hub read all there ever was, over and over. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { openAuditIndex } from '../../hub/audit-index.ts'
import { daemonRecord } from '../harness/audit-record.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const count = 12_000

test('one page looks at so many records and no more, and the next goes on from there', async (t) => {
  const index = openAuditIndex(join(await temporaryDirectory(t), 'index.sqlite'), assert.ifError)
  t.after(() => index.close())
  for (let seq = 1; seq <= count; seq += 1)
    index.add([daemonRecord(seq, seq === 1 ? { person: 'mel', sentence: 'the very first' } : {})])
  let looked = 0
  const visible = () => {
    looked += 1
    return false
  }
  const pages = (query: object) => {
    let all = 0
    let cursor: string | undefined
    do {
      looked = 0
      const page = index.search({ ...query, cursor, limit: 100, visible })
      assert.ok(looked <= 5000, `${looked} records were looked at`)
      cursor = page.cursor ?? undefined
      all += 1
    } while (cursor !== undefined)
    return all
  }
  assert.equal(pages({}), 3, 'who may see nothing')
  assert.equal(pages({ text: 'nowhere' }), 3)
  assert.equal(pages({ text: 'nowhere', account: 'atmosphere_stage' }), 3)
  assert.equal(pages({ text: 'nowhere', person: 'mel' }), 1, 'few of hers, so few to look at')
  assert.equal(pages({ event: 'lock.set' }), 1)

  const found: number[] = []
  let cursor: string | undefined
  do {
    const page = index.search({ text: 'the very first', cursor, limit: 100, visible: () => true })
    found.push(...page.records.map(({ seq }) => seq))
    cursor = page.cursor ?? undefined
  } while (cursor !== undefined)
  assert.deepEqual(found, [1], 'whoever goes on finds it')
})
