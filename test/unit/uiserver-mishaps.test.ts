/** What happens to readers when files of jobs are cut off, taken away or closed to them meanwhile. */
import assert from 'node:assert/strict'
import { mkdir, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { literalMatcher, scanFile } from '../../uiserver/search/scan.ts'
import { walkLogs } from '../../uiserver/search/walk.ts'
import { createShares } from '../../uiserver/shares.ts'
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

test('a search passes over what is taken away, or becomes a link, between being found and being read', async (t) => {
  const { road, dir } = await withJob(t)
  const again = join(dir, '../02')
  for (const place of [dir, again]) {
    await mkdir(place, { recursive: true })
    await writeFile(join(place, 'job.out'), 'one\ntwo\n')
  }
  const signal = new AbortController().signal
  const matcher = literalMatcher('two')
  const hits = async (path: string) => (await Array.fromAsync(scanFile(path, matcher, signal))).length
  assert.equal(await hits(join(dir, 'job.out')), 1)
  const walk = walkLogs(road.jobRoot, { workflow: 'clouds' }, signal)
  const found = await walk.next()
  assert.equal(found.value?.job.submit, 2)
  await rm(again, { recursive: true })
  assert.equal(await hits(join(again, 'job.out')), 0)
  await rm(dir, { recursive: true })
  assert.deepEqual(await Array.fromAsync(walk), [])
  await mkdir(dir)
  await symlink('/etc/hosts', join(dir, 'job.out'))
  assert.equal(await hits(join(dir, 'job.out')), 0)
})

test('whoever has searches enough does not keep others out, and gets another when one has ended', () => {
  const shares = createShares({ all: 3, each: 2 })
  const first = shares.take('jacintar')
  shares.take('jacintar')
  assert.throws(() => shares.take('jacintar'), { code: 'rate.limited' })
  const other = shares.take('lukas')
  assert.throws(() => shares.take('miriam'), { code: 'rate.limited' })
  other()
  first()
  shares.take('jacintar')
  shares.take('miriam')
  assert.throws(() => shares.take('lukas'), { code: 'rate.limited' })
})
