/** Workflows that get a name which another had, or whose daemon lost its state, in a daemon with real jobs. */
import assert from 'node:assert/strict'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { until } from '../harness/until.ts'

const account = 'atmosphere_stage'
const definition = `
schedule: { initial: 1, final: 1, recurrence: P1 }
graph: climb
tasks:
  climb: { script: 'echo "$SENESCHAL_INCARNATION" >>"$SENESCHAL_SHARE_DIR/ran"' }
`

test('a workflow that was removed and installed again runs its jobs, also after a restart and with lost state', async (t) => {
  const site = await startDaemon(t, { workflows: { [`${account}/clouds`]: definition } })
  const ran = async (): Promise<readonly string[]> =>
    (await readFile(join(site.jobRoot(account), 'clouds/share/ran'), 'utf8').catch(() => ''))
      .split('\n')
      .slice(0, -1)
  const published = join(site.layout.accountFeed(account), 'source/clouds.yaml')
  const isPublished = () =>
    readFile(published).then(
      () => true,
      () => false,
    )
  const installed = join(site.dir, 'definitions', account, 'clouds')

  await until(async () => (await ran()).length === 1, 20_000)
  const stop = await site.grant({ action: 'stop', workflow: 'clouds' })
  await site.put({ version: 1, ...stop })
  assert.equal((await site.answer(stop.id)).state, 'done')
  await rename(installed, join(site.dir, 'away'))
  await until(async () => !(await isPublished()), 20_000)
  await rename(join(site.dir, 'away'), installed)
  await until(async () => (await ran()).length === 2, 20_000)

  await site.restart()
  assert.equal((await ran()).length, 2)

  await site.daemon.stop()
  for (const part of [site.layout.state, site.layout.audit, join(site.dir, 'site/feed')]) {
    await rm(part, { recursive: true })
    await mkdir(part, { mode: 0o700 })
  }
  await site.restart()
  await until(async () => (await ran()).length === 3, 20_000)
  assert.equal(new Set(await ran()).size, 3)
})
