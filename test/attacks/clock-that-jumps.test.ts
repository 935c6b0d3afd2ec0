/** Row 39: the daemon's clock is set forward and back. Nothing is taken twice, too late, or lost. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { verifyChain } from '../../durable/chain-verify.ts'
import { readHistory } from '../../durable/feed-follower.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { until } from '../harness/until.ts'

const account = 'atmosphere_stage'
const workflows = {
  [`${account}/clouds`]:
    'schedule: { initial: 1, final: 1, recurrence: P1 }\ngraph: t\ntasks: { t: { script: "true" } }\n',
}
const day = 86_400_000

test('what the clock made too late is refused as that, and what was used stays used when it is set back', async (t) => {
  let ahead = 0
  const site = await startDaemon(t, { workflows, autoplay: false, now: () => Date.now() + ahead })
  const hold = { action: 'hold', workflow: 'clouds' } as const
  const release = { action: 'release', workflow: 'clouds' } as const
  const used = await site.grant(hold)
  await site.put({ version: 1, ...used })
  assert.equal((await site.answer(used.id)).state, 'done')

  ahead = day
  assert.deepEqual((({ state, code }) => ({ state, code }))(await site.ask(release)), {
    state: 'stale',
    code: 'request.stale',
  })

  for (const back of [0, -day]) {
    ahead = back
    await site.put({ version: 1, ...used })
    assert.equal((await site.ask(release)).state, 'done', 'it is held once, so it is released once')
    assert.equal((await site.ask(release)).state, 'refused', 'and the grant of the hold did nothing again')
    assert.equal((await site.ask(hold)).state, 'done')
  }
  const late = Math.floor(Date.now() / 1000) - 120
  const hoarded = await site.grant(hold, { iat: late, exp: late + 60 })
  await site.put({ version: 1, ...hoarded })
  assert.equal((await site.answer(hoarded.id)).code, 'grant.expired')

  await site.restart()
  assert.equal((await site.ask(release)).state, 'done')
  ahead = 0
  assert.equal((await site.ask(hold)).state, 'done')
  await site.daemon.stop()
  assert.ok((await verifyChain(site.layout.audit)).ok)
  const seqs = (await Array.fromAsync(readHistory(site.layout.accountFeed(account), 1))).flat()
  for (const [index, { seq }] of seqs.entries()) assert.equal(seq, index + 1)
})

test('a job that ran while the clock jumped is known to have ended, once', async (t) => {
  let ahead = 0
  const site = await startDaemon(t, {
    workflows: {
      [`${account}/clouds`]: `
schedule: { initial: 1, final: 1, recurrence: P1 }
graph: fetch => climb
tasks:
  fetch: { script: 'echo fetch >>"$SENESCHAL_SHARE_DIR/ran"; sleep 0.3' }
  climb: { script: 'echo climb >>"$SENESCHAL_SHARE_DIR/ran"' }
`,
    },
    now: () => Date.now() + ahead,
  })
  const ran = () => readFile(join(site.jobRoot(account), 'clouds/share/ran'), 'utf8').catch(() => '')
  await until(async () => (await ran()).includes('fetch'), 20_000)
  ahead = -day
  await until(async () => (await ran()).includes('climb'), 20_000)
  ahead = day
  await until(async () => {
    const lines = (await Array.fromAsync(readHistory(site.layout.siteFeed, 1))).flat()
    const rows = lines.flatMap(({ put }) =>
      put.filter(({ kind }) => kind === 'summary').map(({ row }) => row),
    )
    return (rows.at(-1) as { readonly state?: string } | undefined)?.state === 'finished'
  }, 20_000)
  assert.equal(await ran(), 'fetch\nclimb\n')
})
