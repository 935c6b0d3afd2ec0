/** Rows 35 and 48, at the UI server: telling what is hidden from what does not exist. */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { instanceRow, jobRow, put, startUiServer, workflowRow } from '../harness/ui-server.ts'
import { until } from '../harness/until.ts'

test('every question about a hidden workflow has the answer of one about nothing', async (t) => {
  const road = await startUiServer(t)
  await road.allow({ secret: ['owner'] })
  road.feed.append({
    journal: 1,
    at: 1,
    put: [
      put('workflow', 'clouds', workflowRow('clouds')),
      put('workflow', 'secret', workflowRow('secret')),
      put('instance', 'secret//1/climb', instanceRow('secret', '1', 'climb')),
      put('job', 'secret//1/climb/01', jobRow('secret', '1', 'climb')),
    ],
    drop: [],
  })
  const dir = join(road.jobRoot, 'secret/log/job/1/climb/01')
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, 'job.out'), 'words\n')
  const owner = await road.assertion('owner')
  const job = (workflow: string) => encodeURIComponent(`${workflow}//1/climb/01`)
  await until(async () => (await road.request('/workflows/clouds')).status === 200)
  await until(async () => (await road.request('/workflows/secret')).status === 404)

  const questions = (workflow: string) => [
    `/workflows/${workflow}`,
    `/workflows/${workflow}/graph`,
    `/workflows/${workflow}/source`,
    `/jobs?workflow=${workflow}`,
    `/jobs/${job(workflow)}/logs`,
    `/jobs/${job(workflow)}/logs/job.out`,
    `/jobs/${job(workflow)}/logs/job.out?follow=1`,
    `/jobs/${job(workflow)}/logs/nothing`,
    `/search?text=words&workflow=${workflow}`,
  ]
  const ask = async (path: string) => {
    const { status, headers, body } = await road.request(path)
    const { code, message } = (body as { error: { code: string; message: string } }).error
    return [status, headers['content-type'], code, message]
  }
  for (const [index, path] of questions('secret').entries())
    assert.deepEqual(await ask(path), await ask(questions('nothing')[index] ?? ''), path)
  assert.equal((await road.request('/search?text=words')).text, '')
  assert.deepEqual((await road.request('/jobs?task=climb')).body, { jobs: [], cursor: null })
  assert.equal((await road.request(`/jobs/${job('secret')}/logs/job.out`, { token: owner })).text, 'words\n')
})
