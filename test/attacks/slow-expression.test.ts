/** Row 47: a search for an expression that never comes to an end. */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { regexMatcher } from '../../uiserver/search/regex.ts'
import { put, startUiServer, workflowRow } from '../harness/ui-server.ts'
import { until } from '../harness/until.ts'

test('an expression that backtracks without end is ended, and nobody else waits', async (t) => {
  const road = await startUiServer(t)
  road.feed.append({ journal: 1, at: 1, put: [put('workflow', 'clouds', workflowRow('clouds'))], drop: [] })
  const dir = join(road.jobRoot, 'clouds/log/job/1/climb/01')
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, 'job.out'), `${'a'.repeat(60)}b\nend\n`)
  await until(async () => (await road.request('/workflows/clouds')).status === 200)
  const search = (text: string) => road.request(`/search?regex=1&text=${encodeURIComponent(text)}`)

  // What V8's linear engine can do, it does.
  assert.equal((await search('^(a|aa)+$')).text, '')

  let ended = false
  const from = performance.now()
  const slow = search('^(a|aa)+(?=b)c|^(a|aa)+\\1$').finally(() => {
    ended = true
  })
  let answered = 0
  while (!ended) {
    const asked = performance.now()
    assert.equal((await road.request('/workflows/clouds')).status, 200)
    // The search itself takes longer than that, and on a busy machine so does much else.
    assert.ok(performance.now() - asked < 1000)
    answered += 1
  }
  const answer = await slow
  assert.ok(performance.now() - from < 4000)
  assert.match(answer.text, /"code":"search\.too-slow"/)
  assert.ok(answered > 10)
  assert.equal((await search('^end$')).text.split('\n').length, 2)
})

test('an expression whose thread dies after its block was given up on ends nothing else', async (t) => {
  const matcher = regexMatcher('', 20)
  t.after(matcher.close)
  // Each line is a hit: their list is more than the thread may hold.
  const block = Buffer.alloc(24 * 1024 * 1024, '\n')
  await assert.rejects(async () => matcher.matches(block), { code: 'search.too-slow' })
  // Once it is dead, that is known without waiting.
  await until(async () => {
    const from = performance.now()
    await assert.rejects(async () => matcher.matches(Buffer.from('\n')), { code: 'search.too-slow' })
    return performance.now() - from < 5
  }, 30_000)
})
