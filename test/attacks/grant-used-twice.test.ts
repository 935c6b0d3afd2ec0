import assert from 'node:assert/strict'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { until } from '../harness/until.ts'

const workflows = { 'a/w': 'graph: t\ntasks: { t: { script: "true" } }\n' }

test('a grant that is filed again, also after a restart, does nothing a second time', async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  const made = await site.grant({ action: 'hold', workflow: 'w' })
  await site.put({ version: 1, ...made })
  assert.equal((await site.answer(made.id)).state, 'done')
  assert.equal((await site.ask({ action: 'release', workflow: 'w' })).state, 'done')
  for (const again of ['at once', 'after a restart']) {
    if (again === 'after a restart') await site.restart()
    for (const name of [`${made.id}.json`, 'another-name.json'])
      await writeFile(join(site.layout.inbox, name), JSON.stringify({ version: 1, ...made }), { mode: 0o640 })
    await until(async () => (await readdir(site.layout.inbox)).length === 0)
    assert.equal((await site.ask({ action: 'release', workflow: 'w' })).code, 'state.conflict', again)
  }
  assert.equal((await site.audit()).match(/User jacintar held/g)?.length, 1)
})
