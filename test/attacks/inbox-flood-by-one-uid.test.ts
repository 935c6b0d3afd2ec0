import assert from 'node:assert/strict'
import { chown, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startDaemon } from '../harness/in-process-daemon.ts'

const workflows = { 'atmosphere_stage/clouds': 'graph: t\ntasks: { t: { script: "true" } }\n' }
const isRoot = process.getuid?.() === 0
const flood = 3000

test('a flood of files by one uid does not delay the request of another', {
  skip: isRoot ? false : 'making files of another user needs root',
}, async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  await site.daemon.stop()
  for (let index = 0; index < flood; index += 1) {
    const path = join(site.layout.inbox, `flood-${index}.json`)
    await writeFile(path, '{"version":1}', { mode: 0o640 })
    await chown(path, 40_001, process.getgid?.() ?? 0)
  }
  await site.restart()
  const began = performance.now()
  assert.equal((await site.ask({ action: 'hold', workflow: 'clouds' })).state, 'done')
  const took = performance.now() - began
  assert.ok(took < 2000, `it took ${took} ms`)
})
