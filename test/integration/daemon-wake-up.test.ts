/** How long a request lies in the inbox: with a watched directory, and where nothing can be watched. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import fs, { existsSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DaemonSite } from '../harness/daemon.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { until } from '../harness/until.ts'

const workflows = { 'atmosphere_stage/clouds': 'graph: t\ntasks: { t: { script: "true" } }\n' }
const requests = 20

const start = (t: TestContext, inbox: string): Promise<DaemonSite> =>
  startDaemon(t, {
    workflows,
    autoplay: false,
    before: async ({ config }) => {
      Object.assign(config.poll, { inbox })
    },
  })

/** ms from before a request is written to when its answer can be read; the shortest first. */
const latencies = async (site: DaemonSite): Promise<readonly number[]> => {
  const took: number[] = []
  for (let count = 0; count < requests; count += 1) {
    // At no particular moment between two polls.
    await sleep(Math.random() * 50)
    const action = count % 2 === 0 ? 'hold' : 'release'
    const id = randomUUID()
    const began = performance.now()
    const body = { version: 1, id, action, account: 'atmosphere_stage', workflow: 'clouds', args: {} }
    await Promise.all([
      site.put(body),
      until(() => existsSync(join(site.layout.finished, id, 'status.json')), 20_000),
    ])
    took.push(performance.now() - began)
  }
  return took.sort((a, b) => a - b)
}

/** Of a busy machine's measurements the shorter ones say what the daemon adds. */
const quarter = (took: readonly number[]): number => took[took.length / 4] ?? Number.NaN
const told = (took: readonly number[]): string =>
  `a quarter within ${quarter(took).toFixed(1)} ms, half within ${(took[took.length / 2] ?? 0).toFixed(1)} ms`

test('a request wakes the daemon, which answers within 50 ms', async (t) => {
  const took = await latencies(await start(t, 'PT1H'))
  t.diagnostic(told(took))
  assert.ok(quarter(took) <= 50, told(took))
})

test('where no change is told, as on a network filesystem, a request waits for the poll and 50 ms', async (t) => {
  const { watch } = fs
  fs.watch = () => {
    throw Object.assign(new Error('no watches left'), { code: 'ENOSPC' })
  }
  syncBuiltinESMExports()
  t.after(() => {
    fs.watch = watch
    syncBuiltinESMExports()
  })
  const took = await latencies(await start(t, 'PT0.2S'))
  t.diagnostic(told(took))
  assert.ok(quarter(took) <= 250, told(took))
  assert.ok((took.at(-1) ?? 0) > 50, 'nothing woke it')
})
