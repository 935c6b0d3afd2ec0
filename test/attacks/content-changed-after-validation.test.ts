/** Row 21: a writer that keeps its file open and changes it after it was looked at. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { takeEntry } from '../../durable/inbox.ts'
import { parseStrictJson } from '../../durable/strict-json.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
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

test('a writer that never stops changing what it asks for gets one of the two, whole, and it is on record', async (t) => {
  const workflows = { 'atmosphere_stage/clouds': 'graph: t\ntasks: { t: { script: "true" } }\n' }
  const site = await startDaemon(t, { workflows, autoplay: false })
  const outcomes = new Set<string>()
  for (let round = 0; round < 12; round += 1) {
    const id = randomUUID()
    const target = { account: 'atmosphere_stage', workflow: 'clouds', args: {} }
    // Of one length, so that either is a whole request whenever it is read.
    const asked = ['hold', 'stop'].map((action) => JSON.stringify({ version: 1, id, action, ...target }))
    const temp = join(site.layout.temp, id)
    const writer = await open(temp, 'w', 0o640)
    await writer.write(asked[round % 2] ?? '', 0)
    const stop = keepChanging(writer, asked)
    await rename(temp, join(site.layout.inbox, `${id}.json`))
    const { state } = await site.answer(id)
    await stop()
    await writer.close()
    const records = (await site.audit()).split('\n').filter((line) => line.includes(id))
    assert.equal(records.length, 1)
    const { action, outcome } = JSON.parse(records[0] ?? '{}')
    assert.ok(action === 'hold' || action === 'stop' || action === null, action)
    assert.equal(outcome, state)
    if (state === 'done') outcomes.add(action)
    // What was done is what the record says: only a hold can be released.
    if (state === 'done' && action === 'hold')
      assert.equal((await site.ask({ action: 'release', workflow: 'clouds' })).state, 'done')
    else if (state === 'done')
      assert.equal((await site.ask({ action: 'play', workflow: 'clouds' })).state, 'done')
  }
  assert.ok(outcomes.size > 0)
})

const keepChanging = (writer: FileHandle, contents: readonly string[]): (() => Promise<void>) => {
  let changing = true
  const work = (async () => {
    for (let turn = 0; changing; turn += 1) await writer.write(contents[turn % contents.length] ?? '', 0)
  })()
  return () => {
    changing = false
    return work
  }
}
