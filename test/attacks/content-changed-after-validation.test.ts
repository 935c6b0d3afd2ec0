/** Row 21: a writer that keeps its file open and changes it after it was looked at. */
import assert from 'node:assert/strict'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { takeEntry } from '../../durable/inbox.ts'
import { parseStrictJson } from '../../durable/strict-json.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

test('what is done is what was checked, whatever the file says by then', async (t) => {
  const dir = await temporaryDirectory(t)
  await using writer = await open(join(dir, 'x.json'), 'w', 0o640)
  await writer.write('{"action":"hold"}', 0)
  const taken = await takeEntry(dir, 'x.json', { gid: process.getgid?.() ?? 0 })
  await writer.write('{"action":"kill"}', 0)
  assert.ok(taken.ok)
  assert.deepEqual(parseStrictJson(taken.bytes), { action: 'hold' })
  await writer.write('{"action":"stop"}', 0)
  assert.deepEqual(parseStrictJson(taken.bytes), { action: 'hold' })
})
