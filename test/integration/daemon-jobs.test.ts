/** A real daemon, a real supervisor, real jobs; the daemon is killed while they run. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { verifyChain } from '../../durable/chain-verify.ts'
import { readHistory } from '../../durable/feed-follower.ts'
import type { FeedLine } from '../../protocol/feed.ts'
import type { JobRow, SummaryRow } from '../../protocol/rows.ts'
import { type DaemonSite, daemonSite, spawnDaemon } from '../harness/daemon.ts'
import { until } from '../harness/until.ts'

const account = 'atmosphere_stage'
const cycles = 8

const linesOf = async (dir: string): Promise<readonly FeedLine[]> =>
  (await Array.fromAsync(readHistory(dir, 1))).flat()

/** The rows that a follower ends with. */
const rowsOf = (lines: readonly FeedLine[]): Map<string, unknown> => {
  const rows = new Map<string, unknown>()
  for (const { put, drop } of lines) {
    for (const { kind, key, row } of put) rows.set(`${kind} ${key}`, row)
    for (const { kind, key } of drop) rows.delete(`${kind} ${key}`)
  }
  return rows
}

const stateOf = async (site: DaemonSite, workflow: string): Promise<string | undefined> => {
  if (!existsSync(site.layout.siteFeed)) return undefined
  const rows = rowsOf(await linesOf(site.layout.siteFeed))
  return (rows.get(`summary ${account}/${workflow}`) as SummaryRow | undefined)?.state
}

const ranIn = async (site: DaemonSite, workflow: string): Promise<readonly string[]> => {
  const text = await readFile(join(site.jobRoot(account), workflow, 'share/ran'), 'utf8').catch(() => '')
  return text.split('\n').filter((line) => line !== '')
}

test('a daemon killed again and again runs every job exactly once', async (t) => {
  const ran =
    'echo "$SENESCHAL_CYCLE $SENESCHAL_TASK $SENESCHAL_SUBMIT" >>"$SENESCHAL_SHARE_DIR/ran"; sleep 0.2'
  const site = await daemonSite(t, {
    workflows: {
      [`${account}/clouds`]: `
schedule: { initial: 1, final: ${cycles}, recurrence: P1, runahead: 3 }
graph: |
  fetch => climb => post
  climb[-P1] => climb
families:
  ALL: { script: '${ran}' }
tasks:
  fetch: { family: ALL }
  climb: { family: ALL }
  post: { family: ALL, script: '${ran}; exit $((SENESCHAL_SUBMIT == 1))', retries: { count: 1, delay: PT0.1S } }
`,
    },
  })
  let kills = 0
  let running = spawnDaemon(site)
  site.atEnd(() => running.child.kill('SIGKILL'))
  const deadline = Date.now() + 90_000
  while ((await stateOf(site, 'clouds')) !== 'finished') {
    assert.ok(
      Date.now() < deadline,
      `not finished:\n${running.output()}\n${(await ranIn(site, 'clouds')).join('\n')}`,
    )
    if (kills < 6) {
      const { output } = running
      await until(() => output().includes('state recovered'), 20_000)
      await sleep(Math.random() * 800)
      running.child.kill('SIGKILL')
      assert.equal(await running.ended, 'SIGKILL', running.output())
      kills += 1
      running = spawnDaemon(site)
    } else await sleep(200)
  }
  running.child.kill('SIGTERM')
  const asked = performance.now()
  assert.equal(await running.ended, 0, running.output())
  assert.ok(performance.now() - asked < 2000, 'SIGTERM takes more than 2 s')

  const points = Array.from({ length: cycles }, (_, index) => index + 1)
  const expected = points.flatMap((cycle) => [
    `${cycle} climb 1`,
    `${cycle} fetch 1`,
    `${cycle} post 1`,
    `${cycle} post 2`,
  ])
  assert.deepEqual([...(await ranIn(site, 'clouds'))].sort(), expected.sort())

  const feed = await linesOf(site.layout.accountFeed(account))
  for (const [index, { seq }] of feed.entries()) assert.equal(seq, index + 1, 'the feed has a gap')
  const jobs = [...rowsOf(feed)].filter(([key]) => key.startsWith('job ')).map(([, row]) => row as JobRow)
  assert.equal(jobs.length, cycles * 4)
  for (const job of jobs) {
    assert.equal(
      job.state,
      job.task === 'post' && job.submit === 1 ? 'failed' : 'succeeded',
      JSON.stringify(job),
    )
    assert.ok(job.submittedAt !== null && job.startedAt !== null && job.finishedAt !== null)
  }
  const audit = await verifyChain(site.layout.audit)
  assert.ok(audit.ok, JSON.stringify(audit))
  assert.deepEqual(await readdir(site.layout.jobEvents(account)), [])
})

test('requests put in while the daemon is killed are each applied once', async (t) => {
  const site = await daemonSite(t, {
    workflows: {
      [`${account}/clouds`]: `
schedule: { initial: 1, final: 1, recurrence: P1 }
graph: climb
tasks: { climb: { script: 'true' } }
`,
    },
    autoplay: false,
  })
  let running = spawnDaemon(site)
  site.atEnd(() => running.child.kill('SIGKILL'))
  await until(() => running.output().includes('"running"'), 10_000)
  const ids: string[] = []
  for (let round = 0; round < 6; round += 1) {
    for (const action of ['hold', 'release'])
      for (let index = 0; index < 5; index += 1) {
        const made = await site.grant({ action, workflow: 'clouds' })
        ids.push(made.id)
        await site.put({ version: 1, ...made })
      }
    await sleep(Math.random() * 60)
    running.child.kill('SIGKILL')
    await running.ended
    running = spawnDaemon(site)
  }
  for (const id of ids) await site.answer(id)
  await until(async () => (await readdir(site.layout.inbox)).length === 0)
  running.child.kill('SIGTERM')
  assert.equal(await running.ended, 0, running.output())

  const records = (await site.audit())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { request: string | null })
    .filter(({ request }) => request !== null)
  assert.deepEqual(records.map(({ request }) => request).sort(), [...ids].sort())
  assert.ok((await verifyChain(site.layout.audit)).ok)
})
