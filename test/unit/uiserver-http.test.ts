import assert from 'node:assert/strict'
import { appendFile, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseStrictJson } from '../../durable/strict-json.ts'
import { jobsBody, logsBody, searchHit, workflowBody, workflowsBody } from '../../protocol/api.ts'
import { codeOf } from '../harness/code-of.ts'
import {
  account,
  instanceRow,
  jobRow,
  put,
  startUiServer,
  taskRow,
  type UiServerRoad,
  workflowRow,
} from '../harness/ui-server.ts'
import { until } from '../harness/until.ts'

const logsOf = (road: UiServerRoad, workflow: string, cycle: string, task: string, submit = '01') =>
  join(road.jobRoot, workflow, 'log', 'job', cycle, task, submit)

/** Two workflows; `clouds` has 30 jobs of `climb`, of which the latest still runs and has a log. */
const fill = async (road: UiServerRoad) => {
  const jobs = Array.from({ length: 30 }, (_, index) => String(index + 1))
  road.feed.append({
    journal: 1,
    at: 1,
    put: [
      put('workflow', 'clouds', workflowRow('clouds')),
      put('workflow', 'winds', workflowRow('winds')),
      put('task', 'clouds//climb', taskRow('clouds', 'climb')),
      put('task', 'clouds//post', taskRow('clouds', 'post')),
      put('instance', 'clouds//30/climb', instanceRow('clouds', '30', 'climb')),
      ...jobs.map((cycle) =>
        put(
          'job',
          `clouds//${cycle}/climb/01`,
          jobRow('clouds', cycle, 'climb', {
            submittedAt: Number(cycle) * 1000,
            state: cycle === '30' ? 'running' : Number(cycle) % 3 === 0 ? 'failed' : 'succeeded',
          }),
        ),
      ),
      put('job', 'winds//1/gust/01', jobRow('winds', '1', 'gust', { submittedAt: 5500 })),
    ],
    drop: [],
  })
  await road.feed.flush()
  const dir = logsOf(road, 'clouds', '30', 'climb')
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, 'job.out'), 'one\ntwo\nthree\n')
  await writeFile(join(dir, 'job-activity.log'), '')
  await writeFile(join(dir, 'secrets.txt'), 'not shown')
  const heard = await road.listen('')
  await until(() => heard.rows.size === 2)
  heard.socket.terminate()
  return { dir, job: encodeURIComponent('clouds//30/climb/01') }
}

test('workflows come with what one may do, and nothing that one may not see', async (t) => {
  const road = await startUiServer(t)
  await fill(road)
  await road.allow({ winds: ['owner'] })
  await until(async () => {
    const { workflows } = workflowsBody.parse((await road.request('/workflows')).body)
    return workflows.length === 1
  })
  const { workflow, allowed } = workflowBody.parse((await road.request('/workflows/clouds')).body)
  assert.equal(workflow.workflow, 'clouds')
  assert.deepEqual([allowed.view, allowed.stop, allowed.edit], [true, true, false])
  const mel = workflowBody.parse(
    (await road.request('/workflows/clouds', { token: await road.assertion('mel') })).body,
  )
  assert.deepEqual([mel.allowed.view, mel.allowed.stop], [true, false])
})

test('graph and definition of a workflow', async (t) => {
  const road = await startUiServer(t)
  await fill(road)
  const graph = await road.request('/workflows/clouds/graph')
  assert.deepEqual(graph.body, {
    nodes: [
      { task: 'climb', families: ['UPPER'] },
      { task: 'post', families: ['UPPER'] },
    ],
    edges: [{ from: 'climb', to: 'post', output: 'succeeded', offset: '-P1' }],
  })
  const source = await road.request('/workflows/clouds/source')
  assert.equal((source.body as { text: string }).text, 'schedule: {}\n')
  const none = await road.request('/workflows/winds/source')
  assert.deepEqual([none.status, codeOf(none)], [404, 'file.unknown'])
})

test('jobs come newest first, by page, and by what they are asked for', async (t) => {
  const road = await startUiServer(t)
  await fill(road)
  const page = async (query: string) => jobsBody.parse((await road.request(`/jobs?${query}`)).body)
  await until(async () => (await page('')).jobs.length === 31)
  const seen: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const found = await page(`workflow=clouds&limit=12${cursor === '' ? '' : `&before=${cursor}`}`)
    seen.push(...found.jobs.map(({ cycle }) => cycle))
    cursor = found.cursor
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 30 }, (_, index) => String(30 - index)),
  )
  assert.equal((await page('state=failed')).jobs.length, 9)
  assert.deepEqual(
    (await page('workflow=clouds&cycle=7')).jobs.map(({ state }) => state),
    ['succeeded'],
  )
  assert.equal((await page('task=gust')).jobs[0]?.workflow, 'winds')
  for (const query of ['before=x', 'state=odd', 'cycle=..', 'limit=-1', 'workflow=a/b'])
    assert.equal((await road.request(`/jobs?${query}`)).status, 400, query)
  await road.allow({ clouds: ['owner'] })
  await until(async () => (await page('')).jobs.length === 1)
  const hidden = await road.request('/jobs?workflow=clouds')
  const absent = await road.request('/jobs?workflow=none')
  assert.deepEqual([hidden.status, codeOf(hidden)], [404, codeOf(absent)])
})

test('a log is read whole, from the middle, from its end, and not again if it did not change', async (t) => {
  const road = await startUiServer(t)
  const { job } = await fill(road)
  const list = logsBody.parse((await road.request(`/jobs/${job}/logs`)).body)
  assert.deepEqual(
    list.files.map(({ file, size }) => [file, size]),
    [
      ['job.out', 14],
      ['job-activity.log', 0],
    ],
  )
  const path = `/jobs/${job}/logs/job.out`
  const whole = await road.request(path)
  assert.deepEqual(
    [whole.status, whole.text, whole.headers['content-type'], whole.headers['content-length']],
    [200, 'one\ntwo\nthree\n', 'text/plain; charset=utf-8', '14'],
  )
  const etag = whole.headers.etag ?? ''
  const range = async (headers: Record<string, string>, query = '') => {
    const { status, text, headers: got } = await road.request(`${path}${query}`, { headers })
    return [status, text, got['content-range']]
  }
  assert.deepEqual(await range({ range: 'bytes=4-6' }), [206, 'two', 'bytes 4-6/14'])
  assert.deepEqual(await range({ range: 'bytes=8-' }), [206, 'three\n', 'bytes 8-13/14'])
  assert.deepEqual(await range({ range: 'bytes=-6' }), [206, 'three\n', 'bytes 8-13/14'])
  assert.deepEqual(await range({ range: 'bytes=14-' }), [416, '', 'bytes */14'])
  assert.deepEqual(await range({ range: 'bytes=4-6', 'if-range': '"old"' }), [
    200,
    'one\ntwo\nthree\n',
    undefined,
  ])
  assert.deepEqual(await range({ range: 'bytes=4-6', 'if-range': etag }), [206, 'two', 'bytes 4-6/14'])
  assert.deepEqual(await range({ range: 'bytes=0-1,4-5' }), [200, 'one\ntwo\nthree\n', undefined])
  assert.deepEqual(await range({}, '?tail=6'), [206, 'three\n', 'bytes 8-13/14'])
  assert.deepEqual(await range({}, '?tail=999'), [200, 'one\ntwo\nthree\n', undefined])
  assert.deepEqual(await range({ 'if-none-match': etag }), [304, '', undefined])
  assert.equal((await road.request(`${path}?tail=x`)).status, 400)
  assert.equal((await road.request(`/jobs/${job}/logs/job-activity.log`)).text, '')
  const head = await road.request(path, { method: 'HEAD' })
  assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', '14'])
  for (const file of ['secrets.txt', 'job.err', '..', '%2e%2e', 'job.out%00', 'x'])
    assert.ok([400, 404].includes((await road.request(`/jobs/${job}/logs/${file}`)).status), file)
})

test('a log is followed as it grows, to the end of its job', async (t) => {
  const road = await startUiServer(t)
  const { dir, job } = await fill(road)
  const response = await road.open(`/jobs/${job}/logs/job.out?follow=1&offset=4`)
  let text = ''
  let ended = false
  response.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
  })
  response.once('end', () => {
    ended = true
  })
  await until(() => text === 'two\nthree\n')
  for (let n = 0; n < 50; n += 1) await appendFile(join(dir, 'job.out'), `${n}\n`)
  await until(() => text.endsWith('49\n'))
  assert.equal(ended, false)
  const finished = jobRow('clouds', '30', 'climb', { state: 'succeeded' })
  road.feed.append({ journal: 2, at: 2, put: [put('job', 'clouds//30/climb/01', finished)], drop: [] })
  await appendFile(join(dir, 'job.out'), 'last\n')
  await until(() => ended)
  assert.equal(text, `two\nthree\n${Array.from({ length: 50 }, (_, n) => `${n}\n`).join('')}last\n`)
})

test('whoever may no longer read a log does not get what comes', async (t) => {
  const road = await startUiServer(t)
  const { dir, job } = await fill(road)
  const response = await road.open(`/jobs/${job}/logs/job.out?follow=1`)
  let text = ''
  const ended = new Promise<void>((resolve) => response.once('end', resolve))
  response.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
  })
  await until(() => text.length === 14)
  await road.allow({ clouds: ['owner'] })
  await until(async () => (await road.request('/workflows/clouds')).status === 404)
  await appendFile(join(dir, 'job.out'), 'secret\n')
  await ended
  assert.equal(text, 'one\ntwo\nthree\n')
})

test('a search finds lines in the logs of all cycles, newest first', async (t) => {
  const road = await startUiServer(t)
  await fill(road)
  for (const cycle of ['28', '29', '30']) {
    const dir = logsOf(road, 'clouds', cycle, 'climb')
    await mkdir(dir, { recursive: true })
    await writeFile(
      join(dir, 'job.err'),
      `fine\n${'padding\n'.repeat(1000)}ERROR at level ${cycle}\nERROR again`,
    )
  }
  const windDir = logsOf(road, 'winds', '1', 'gust')
  await mkdir(windDir, { recursive: true })
  await writeFile(join(windDir, 'job.out'), 'ERROR in winds\n')
  const search = async (query: string) => {
    const answer = await road.request(`/search?${query}`)
    assert.equal(answer.status, 200, answer.text)
    assert.equal(answer.headers['content-type'], 'application/x-ndjson; charset=utf-8')
    return answer.text
      .split('\n')
      .filter(Boolean)
      .map((line) => searchHit.parse(JSON.parse(line)))
  }
  const hits = await search('text=ERROR')
  assert.deepEqual(
    hits.map(({ workflow, cycle, line, text }) => [workflow, cycle, line, text]),
    [
      ['clouds', '30', 1002, 'ERROR at level 30'],
      ['clouds', '30', 1003, 'ERROR again'],
      ['clouds', '29', 1002, 'ERROR at level 29'],
      ['clouds', '29', 1003, 'ERROR again'],
      ['clouds', '28', 1002, 'ERROR at level 28'],
      ['clouds', '28', 1003, 'ERROR again'],
      ['winds', '1', 1, 'ERROR in winds'],
    ],
  )
  assert.equal((await search('text=ERROR&workflow=clouds&cycle=29')).length, 2)
  assert.equal((await search('text=ERROR&task=gust')).length, 1)
  assert.equal((await search('text=ERROR&limit=3')).length, 3)
  assert.deepEqual(
    (await search(`text=${encodeURIComponent('level (28|29)$')}&regex=1`)).map(({ cycle }) => cycle),
    ['29', '28'],
  )
  assert.equal((await search('text=nowhere')).length, 0)
  assert.equal((await road.request('/search?text=')).status, 400)
  assert.equal((await road.request('/search?text=(&regex=1')).status, 400)
  await road.allow({ winds: ['owner'] })
  await until(async () => (await search('text=ERROR')).length === 6)
  assert.equal(codeOf(await road.request('/search?text=x&workflow=winds')), 'workflow.unknown')
})

test('a grant that the hub hands over lies in the inbox as it was signed', async (t) => {
  const road = await startUiServer(t)
  await fill(road)
  const id = '0193a3c0-0000-7000-8000-000000000001'
  const grant = await road.grant({ jti: id })
  const answer = await road.request('/actions', { method: 'POST', body: JSON.stringify({ id, grant }) })
  assert.deepEqual([answer.status, answer.body], [202, { request: id }])
  assert.deepEqual(await readdir(road.inbox), [`${id}.json`])
  const file = parseStrictJson(await readFile(join(road.inbox, `${id}.json`)))
  assert.deepEqual(file, { version: 1, id, grant })
})

test('without word from the daemon for a minute reading goes on and actions do not', async (t) => {
  const road = await startUiServer(t)
  await fill(road)
  road.now.value += 61_000
  assert.equal((await road.request('/workflows/clouds')).status, 200)
  const id = '0193a3c0-0000-7000-8000-000000000001'
  const body = JSON.stringify({ id, grant: await road.grant({ jti: id }) })
  const answer = await road.request('/actions', { method: 'POST', body })
  assert.deepEqual([answer.status, codeOf(answer)], [503, 'permission.stale'])
  assert.deepEqual(await readdir(road.inbox), [])
})

test('permissions of a daemon whose clock is far ahead are not fresh either', async (t) => {
  const road = await startUiServer(t)
  await fill(road)
  const id = '0193a3c0-0000-7000-8000-000000000001'
  const act = async () => {
    const body = JSON.stringify({ id, grant: await road.grant({ jti: id }) })
    return (await road.request('/actions', { method: 'POST', body })).status
  }
  await road.allow({}, road.now.value + 90_000)
  await until(async () => (await act()) === 503)
})

test('permissions that changed under the same version take hold on open sockets', async (t) => {
  const road = await startUiServer(t)
  await fill(road)
  const file = join(road.settings.site.feed, 'permissions.json')
  const open = JSON.parse(await readFile(file, 'utf8'))
  const heard = await road.listen('')
  await until(() => heard.rows.size === 2)
  await road.allow({ clouds: ['owner'] })
  await until(() => heard.rows.size === 1)
  await writeFile(`${file}.new`, JSON.stringify({ ...open, version: open.version + 1 }))
  await rename(`${file}.new`, file)
  await until(() => heard.rows.size === 2)
})

test('an older permission snapshot put back changes nothing', async (t) => {
  const road = await startUiServer(t)
  await fill(road)
  const file = join(road.settings.site.feed, 'permissions.json')
  const old = await readFile(file)
  await road.allow({ clouds: ['owner'] })
  await until(async () => (await road.request('/workflows/clouds')).status === 404)
  await writeFile(file, old)
  await new Promise((resolve) => setTimeout(resolve, 200))
  assert.equal((await road.request('/workflows/clouds')).status, 404)
})

test('what is not there is refused with a code, as JSON', async (t) => {
  const road = await startUiServer(t)
  await fill(road)
  for (const [path, code] of [
    ['/', 'path.invalid'],
    ['/nothing', 'route.unknown'],
    ['/workflows/none', 'workflow.unknown'],
    ['/jobs/none/logs', 'instance.unknown'],
    [`/jobs/${encodeURIComponent('clouds//99/climb/01')}/logs`, 'instance.unknown'],
  ] as const)
    assert.equal(codeOf(await road.request(path)), code, path)
  assert.equal((await road.request('/workflows', { method: 'DELETE' })).status, 404)
  assert.equal((await road.request(`/~${account}`)).status, 404)
})
