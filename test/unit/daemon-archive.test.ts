/** What the daemon makes of requests of earlier days. */
import assert from 'node:assert/strict'
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { consolidate } from '../../daemon/archive/consolidate.ts'
import { keepHouse } from '../../daemon/archive/housekeeping.ts'
import { dropOldArchives, sweepTemporary } from '../../daemon/archive/retention.ts'
import { siteLayout } from '../../daemon/layout.ts'
import { listDayArchives, readDayArchive, writeDayArchive } from '../../durable/status-files.ts'
import { quiet, startDaemon } from '../harness/in-process-daemon.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const never = new AbortController().signal
const day = 86_400_000
const noon = Date.UTC(2026, 10, 22, 12)
const id = (n: number): string => `019aac00-0000-7000-8000-${n.toString(16).padStart(12, '0')}`
const put = async (dir: string, n: number, at: number): Promise<void> => {
  await mkdir(join(dir, id(n)))
  await writeFile(
    join(dir, id(n), 'status.json'),
    JSON.stringify({ id: id(n), state: 'done', code: null, at }),
  )
}
const archivedIn = async (dir: string): Promise<string[]> => {
  const found: string[] = []
  for (const archive of await listDayArchives(dir))
    for await (const { name } of readDayArchive(dir, archive)) found.push(name)
  return found.sort()
}

test('requests of days that are over are archived by day, those of today stay', async (t) => {
  const dir = await temporaryDirectory(t)
  for (let n = 0; n < 30; n += 1) await put(dir, n, noon - 2 * day)
  await put(dir, 100, noon - day)
  await put(dir, 200, noon)
  assert.equal(await consolidate({ directory: dir, before: noon, signal: never }), 31)
  assert.deepEqual((await readdir(dir)).sort(), [id(200), '20261120.tar.gz', '20261121.tar.gz'])
  assert.equal((await archivedIn(dir)).length, 31)
  assert.equal(await consolidate({ directory: dir, before: noon, signal: never }), 0, 'once is enough')
})

test('a daemon that was killed between archive and removal loses nothing, and leaves no half-made archive', async (t) => {
  const dir = await temporaryDirectory(t)
  await put(dir, 1, noon - day)
  const status = { id: id(1), state: 'done' as const, code: null, at: noon - day }
  await writeDayArchive(dir, '20261121', [{ name: id(1), status }])
  await writeFile(join(dir, '.20261121.tar.gz.0123456789ab'), 'half')
  assert.equal(await consolidate({ directory: dir, before: noon, signal: never }), 1)
  assert.deepEqual((await readdir(dir)).sort(), ['20261121-2.tar.gz', '20261121.tar.gz'])
  assert.deepEqual([...new Set(await archivedIn(dir))], [id(1)])
})

test('a member of the group puts links and files among the requests; nothing behind them is touched', async (t) => {
  const dir = await temporaryDirectory(t)
  const elsewhere = join(dir, 'elsewhere')
  await mkdir(elsewhere)
  await writeFile(
    join(elsewhere, 'status.json'),
    JSON.stringify({ id: id(1), state: 'done', code: null, at: 0 }),
  )
  const requests = join(dir, 'requests')
  await mkdir(requests)
  await symlink(elsewhere, join(requests, id(1)))
  await put(requests, 2, noon - day)
  await writeFile(join(requests, id(2), 'more'), 'added by somebody')
  assert.equal(await consolidate({ directory: requests, before: noon, signal: never }), 1)
  assert.deepEqual((await readdir(requests)).sort(), [id(1), id(2), '20261121.tar.gz'])
  assert.deepEqual(await readdir(elsewhere), ['status.json'])
  assert.deepEqual(await readdir(join(requests, id(2))), ['more'])
})

test('archives go by age, and by size the oldest first', async (t) => {
  const dir = await temporaryDirectory(t)
  for (const name of ['20261101', '20261110', '20261120', '20261121'])
    await writeFile(join(dir, `${name}.tar.gz`), 'x'.repeat(1000))
  await mkdir(join(dir, '20260101.tar.gz'))
  const since = Date.UTC(2026, 10, 5)
  assert.deepEqual(await dropOldArchives(dir, { since, bytes: 1_000_000 }), ['20261101.tar.gz'])
  assert.deepEqual(await dropOldArchives(dir, { since, bytes: 2500 }), ['20261110.tar.gz'])
  assert.deepEqual((await readdir(dir)).sort(), ['20260101.tar.gz', '20261120.tar.gz', '20261121.tar.gz'])
})

test('what somebody left in 0_temp goes after a while, what is not empty stays', async (t) => {
  const dir = await temporaryDirectory(t)
  await writeFile(join(dir, 'forgotten.json'), '{')
  await symlink('/etc/passwd', join(dir, 'link'))
  await mkdir(join(dir, 'empty'))
  await mkdir(join(dir, 'full'))
  await writeFile(join(dir, 'full/file'), '')
  assert.equal(await sweepTemporary(dir, Date.now() - day), 0)
  assert.equal(await sweepTemporary(dir, Date.now() + day), 3)
  assert.deepEqual(await readdir(dir), ['full'])
})

test('a daemon archives at its start what an earlier one left', async (t) => {
  const site = await startDaemon(t, {
    workflows: { 'atmosphere_stage/clouds': 'graph: t\ntasks: { t: { script: "true" } }\n' },
    autoplay: false,
    before: async ({ config }) => {
      const { finished } = siteLayout(config.root)
      await mkdir(finished, { recursive: true })
      await put(finished, 1, Date.now() - 5 * day)
    },
  })
  await until(async () => (await archivedIn(site.layout.finished)).includes(id(1)))
  await until(async () => !(await readdir(site.layout.finished)).includes(id(1)))
  assert.equal(site.daemon.status().state, 'running')
  const { requests, ...kept } = site.config.retention
  const retention = { ...kept, requests: 'P1D' }
  assert.equal(requests, 'P400D')
  await keepHouse({ layout: site.layout, retention, now: Date.now, log: quiet, signal: never })
  assert.deepEqual(await listDayArchives(site.layout.finished), [])
})
