/** Row 14: an id that is one job, or none, to the hub that judges and records, and another to the UI server. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseProxyPath, wantsOf } from '../../hub/proxy/path.ts'
import { readingOf } from '../../hub/proxy/reading.ts'
import { parseJobKey } from '../../protocol/jobs.ts'
import { findRoute, type Route } from '../../uiserver/router.ts'
import { parseTarget } from '../../wire/target.ts'

const ids = [
  'clouds//1/climb/01',
  'clouds//1/climb/10',
  'clouds//1/climb/1000000',
  'clouds//1/climb',
  'clouds//1/climb/',
  'clouds//1/climb/1',
  'clouds//1/climb/00',
  'clouds//1/climb/001',
  'clouds//1/climb/010',
  'clouds//1/climb/1000001',
  'clouds//1/climb/01/01',
  'clouds//1/01/01',
  'clouds/1/climb/01',
  'clouds//1/climb/١٢',
  '~oceans_stage/clouds//1/climb/01',
  'clouds///1/climb/01',
  ' clouds//1/climb/01',
]
const good = new Set([
  'clouds//1/climb/01',
  'clouds//1/climb/10',
  'clouds//1/climb/1000000',
  'clouds//1/01/01',
])
const routes: readonly Route[] = [
  { method: 'GET', path: 'jobs/:job/logs/:file', needs: 'logs', handle: () => undefined },
]

test('hub and UI server find the same job in an id, or neither finds one', () => {
  for (const id of ids) {
    const path = parseProxyPath(`/u/atmosphere_stage/jobs/${encodeURIComponent(id)}/logs/job.out`)
    const match = findRoute(routes, 'GET', parseTarget(path.target).segments)
    const wanted = wantsOf(path)
    const record = readingOf(path)
    const workflow = good.has(id) ? 'clouds' : undefined
    assert.equal(wanted.workflow, workflow, `judged: ${id}`)
    assert.equal(match?.workflow, workflow, `opened: ${id}`)
    assert.equal(record?.workflow, workflow, `recorded: ${id}`)
    if (workflow !== undefined) assert.equal(parseJobKey(id)?.task, wanted.task)
  }
})

test('what one end refuses as a path the other does too', () => {
  const refused = [
    'a%25b',
    'a;b',
    'a%3bb',
    'a%5cb',
    'a%2eb',
    '%2e%2e',
    'a%c2%85b',
    'a%7fb',
    '',
    '%ff',
    'a?b=%zz',
    'a#b',
  ]
  for (const part of refused) {
    assert.throws(() => parseProxyPath(`/u/atmosphere_stage/${part}`), { code: 'path.invalid' }, part)
    assert.throws(() => parseTarget(`/${part}`), { code: 'path.invalid' }, part)
  }
})
