/** Row 45: a login user fills the filesystem that everybody may write to, or squats on another's id. */
import assert from 'node:assert/strict'
import { chown, readdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { verifyChain } from '../../durable/chain-verify.ts'
import { readHistory } from '../../durable/feed-follower.ts'
import type { RequestRow } from '../../protocol/rows.ts'
import { cannotMount, type Filesystem, mountSmall } from '../harness/filesystem.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { until } from '../harness/until.ts'

const account = 'atmosphere_stage'
const workflows = { [`${account}/clouds`]: 'graph: t\ntasks: { t: { script: "true" } }\n' }

test('while the public filesystem is full, what is asked is done, recorded and told where nobody else can write', {
  skip: cannotMount,
}, async (t) => {
  let disk: Filesystem | undefined
  const site = await startDaemon(t, {
    workflows,
    autoplay: false,
    before: async ({ dir, atEnd }) => {
      disk = mountSmall(join(dir, 'site/requests'), 1024 * 1024)
      atEnd(disk.end)
    },
  })
  const { layout } = site
  const made = await site.grant({ action: 'hold', workflow: 'clouds' })
  // Written before it was full; a rename needs no room.
  const temp = join(layout.temp, 'mine')
  await writeFile(temp, JSON.stringify({ version: 1, ...made }), { mode: 0o640 })
  disk?.fill()
  await rename(temp, join(layout.inbox, `${made.id}.json`))
  await until(async () => (await site.audit()).includes(made.id))
  await until(async () => !(await readdir(layout.inbox)).includes(`${made.id}.json`))
  const told = async () =>
    (await Array.fromAsync(readHistory(layout.accountFeed(account), 1)))
      .flat()
      .flatMap(({ put }) =>
        put.filter(({ key }) => key === made.id).map(({ row }) => (row as RequestRow).state),
      )
  await until(async () => (await told()).at(-1) === 'done')
  disk?.makeRoom()
  assert.equal((await site.ask({ action: 'release', workflow: 'clouds' })).state, 'done', 'it was held')
  assert.ok((await verifyChain(layout.audit)).ok)
})

test('somebody else’s file under the id of a request gets its own answer, not that of the request', {
  skip: process.getuid?.() === 0 ? false : 'making files of another user needs root',
}, async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  const { layout } = site
  for (const content of ['{}', '{"version":1}', 'not JSON']) {
    const made = await site.grant({ action: 'hold', workflow: 'clouds' })
    const squatter = join(layout.temp, made.id)
    await writeFile(squatter, content, { mode: 0o640 })
    await chown(squatter, 40_001, process.getgid?.() ?? 0)
    await rename(squatter, join(layout.inbox, `${made.id}.json`))
    await site.put({ version: 1, ...made })
    const records = async () =>
      (await site.audit())
        .split('\n')
        .filter((line) => line.includes(`"request":"${made.id}"`))
        .map((line) => JSON.parse(line) as { readonly person: string; readonly outcome: string })
    await until(async () => (await records()).length === 1)
    const [record] = await records()
    assert.equal(record?.person, 'jacintar')
    await until(async () => (await readdir(layout.inbox)).length === 0)
    const { state } = await site.answer(made.id)
    assert.deepEqual([state, record?.outcome], ['done', 'done'])
    assert.equal((await site.ask({ action: 'release', workflow: 'clouds' })).state, 'done')
  }
})
