/** Row 14, at the UI server: names and links that would lead to something else than a log of that job. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { instanceRow, jobRow, put, startUiServer, workflowRow } from '../harness/ui-server.ts'
import { until } from '../harness/until.ts'

const setUp = async (t: TestContext) => {
  const road = await startUiServer(t)
  road.feed.append({
    journal: 1,
    at: 1,
    put: [
      put('workflow', 'clouds', workflowRow('clouds')),
      put('workflow', 'secret', workflowRow('secret')),
      put('instance', 'clouds//1/climb', instanceRow('clouds', '1', 'climb')),
      put('job', 'clouds//1/climb/01', jobRow('clouds', '1', 'climb')),
    ],
    drop: [],
  })
  const dir = join(road.jobRoot, 'clouds/log/job/1/climb/01')
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, 'job.out'), 'plain\n')
  const outside = join(dirname(road.jobRoot), 'outside')
  await mkdir(join(outside, '01'), { recursive: true })
  await writeFile(join(outside, 'job.out'), 'secret\n')
  await writeFile(join(outside, '01', 'job.out'), 'secret\n')
  const job = encodeURIComponent('clouds//1/climb/01')
  await until(async () => (await road.request(`/jobs/${job}/logs/job.out`)).text === 'plain\n')
  return { road, dir, outside, job }
}

test('a link in the place of a log, of its directory, or of any directory above is not followed', async (t) => {
  const { road, dir, outside, job } = await setUp(t)
  const read = async () => {
    const answer = await road.request(`/jobs/${job}/logs/job.out`)
    assert.equal(answer.text.includes('secret'), false)
    return answer.status
  }
  await rm(join(dir, 'job.out'))
  await symlink(join(outside, 'job.out'), join(dir, 'job.out'))
  assert.equal(await read(), 404)
  let place = dir
  let below = ''
  for (const name of ['01', 'climb', '1', 'job', 'log', 'clouds']) {
    await mkdir(join(outside, below), { recursive: true })
    await writeFile(join(outside, below, 'job.out'), 'secret\n')
    await rename(place, `${place}.real`)
    await symlink(outside, place)
    assert.equal(await read(), 404, name)
    assert.equal((await road.request('/search?text=secret')).text, '', name)
    await rm(place)
    await rename(`${place}.real`, place)
    below = join(name, below)
    place = dirname(place)
  }
})

test('a FIFO in the place of a log blocks nobody', async (t) => {
  const { road, dir, job } = await setUp(t)
  await rm(join(dir, 'job.out'))
  execFileSync('mkfifo', [join(dir, 'job.out')])
  const from = performance.now()
  assert.equal((await road.request(`/jobs/${job}/logs/job.out`)).status, 404)
  assert.equal((await road.request('/search?text=secret')).text, '')
  assert.ok(performance.now() - from < 1000)
})

test('no spelling of a path leads out', async (t) => {
  const { road, job } = await setUp(t)
  for (const path of [
    `/jobs/${job}/logs/..%2f..%2fjob.out`,
    `/jobs/${job}/logs/%2e%2e`,
    `/jobs/${job}/logs/%252e%252e`,
    `/jobs/${job}/logs/../../../../outside/job.out`,
    `/jobs/${encodeURIComponent('clouds//1/climb/../../../../outside/01')}/logs/job.out`,
    `/jobs/${encodeURIComponent('..//1/climb/01')}/logs/job.out`,
    `/jobs/${encodeURIComponent('clouds//1/climb/1')}/logs/job.out`,
    `/jobs/${encodeURIComponent('clouds//1/climb/NN')}/logs/job.out`,
    `/jobs/${job}/logs/job.out;x`,
    `/jobs/${job}/logs/job.out%00`,
    `/jobs/${job}/logs//job.out`,
    `/jobs/${job}\\logs/job.out`,
    `/jobs/${job}/logs/job.out/`,
    '/workflows/..%2f..%2fpermissions/source',
    '/workflows/%2e%2e/source',
  ]) {
    const { status, text } = await road.request(path)
    assert.ok(status === 400 || status === 404, `${path}: ${status}`)
    assert.equal(text.includes('plain') || text.includes('secret\n'), false, path)
  }
})
