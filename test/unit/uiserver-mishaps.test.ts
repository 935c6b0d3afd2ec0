/** What happens to readers when files of jobs are cut off, taken away or closed to them meanwhile. */
import assert from 'node:assert/strict'
import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { jobRow, put, startUiServer, workflowRow } from '../harness/ui-server.ts'
import { until } from '../harness/until.ts'

const withJob = async (t: TestContext) => {
  const road = await startUiServer(t)
  road.feed.append({
    journal: 1,
    at: 1,
    put: [
      put('workflow', 'clouds', workflowRow('clouds')),
      put('job', 'clouds//1/climb/01', jobRow('clouds', '1', 'climb', { state: 'succeeded' })),
    ],
    drop: [],
  })
  await road.feed.flush()
  const dir = join(road.jobRoot, 'clouds/log/job/1/climb/01')
  await mkdir(dir, { recursive: true })
  await until(async () => (await road.request('/workflows/clouds')).status === 200)
  return { road, dir, logs: `/jobs/${encodeURIComponent('clouds//1/climb/01')}/logs` }
}

test('a log that is cut off while it is sent breaks the answer off, at once', {
  timeout: 20_000,
}, async (t) => {
  const { road, dir, logs } = await withJob(t)
  await writeFile(join(dir, 'job.out'), Buffer.alloc(8_000_000, 'x'))
  const keepAlive = { connection: 'keep-alive' }
  const answer = await road.open(`${logs}/job.out`, undefined, keepAlive)
  assert.equal(answer.headers['content-length'], '8000000')
  await truncate(join(dir, 'job.out'), 100)
  await assert.rejects(buffer(answer), { code: 'ECONNRESET' })
})
