import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { until } from '../harness/until.ts'

const workflows = { 'atmosphere_stage/clouds': 'graph: t\ntasks: { t: { script: "true" } }\n' }
const flood = 400

test('a login user leaves refused files without end; after some the audit log and 3_error have their number', async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  for (let count = 0; count < flood; count += 1)
    await writeFile(join(site.layout.inbox, `${randomUUID()}.json`), 'nonsense', { mode: 0o640 })
  await until(async () => (await readdir(site.layout.inbox)).length === 0, 20_000)
  assert.equal((await site.ask({ action: 'hold', workflow: 'clouds' })).state, 'done')
  await site.daemon.stop()
  const lines = (await site.audit()).split('\n').filter((line) => line.includes('request.file-refused'))
  assert.ok(lines.length < 50, `${lines.length} records`)
  const more = lines.flatMap((line) => Number(/(\d+) more in this minute/.exec(line)?.[1] ?? 0))
  const counted = more.reduce((sum, count) => sum + count, 0)
  assert.equal(counted + more.filter((count) => count === 0).length, flood, 'each is told or counted')
  assert.ok((await readdir(site.layout.error)).length < 50)
})
