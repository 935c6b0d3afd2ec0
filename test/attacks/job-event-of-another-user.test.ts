import assert from 'node:assert/strict'
import { chown, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { until } from '../harness/until.ts'

const workflows = { 'atmosphere_stage/clouds': 'graph: t\ntasks: { t: { script: "true" } }\n' }
const isRoot = process.getuid?.() === 0
const event = { v: 1, workflow: 'clouds', cycle: '1', task: 't', submit: 1, event: 'succeeded', time: 1 }

test('an event file of another user, of another kind or of no kind is refused and told once', {
  skip: isRoot ? false : 'making a file of another user needs root',
}, async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  const dir = site.layout.jobEvents('atmosphere_stage')
  await writeFile(join(dir, 'foreign.json'), JSON.stringify(event), { mode: 0o640 })
  await chown(join(dir, 'foreign.json'), 40_001, process.getgid?.() ?? 0)
  await writeFile(join(dir, 'kind.json'), JSON.stringify({ ...event, event: 'kill' }), { mode: 0o640 })
  await mkdir(join(dir, 'directory.json'))
  const refusals = async () => (await site.audit()).match(/"event":"request\.file-refused"/g)?.length ?? 0
  await until(async () => (await refusals()) >= 3)
  await new Promise((resolve) => setTimeout(resolve, 600))
  assert.equal(await refusals(), 3)
})
