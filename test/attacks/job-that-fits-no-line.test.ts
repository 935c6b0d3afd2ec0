/** One workflow whose job no supervisor takes must not hold up the others of its account. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { until } from '../harness/until.ts'

/** Within every bound of a definition, and still too much for one line: each character takes six there. */
const control = '\\x01'.repeat(60_000)

test('a job that cannot be submitted fails by itself; the account’s other jobs run', async (t) => {
  const site = await startDaemon(t, {
    workflows: {
      'atmosphere_stage/large': `graph: t\ntasks: { t: { script: "${control}", environment: { A: "${control}", B: "${control}" } } }\n`,
      'atmosphere_stage/good': 'graph: t\ntasks: { t: { script: "touch $SENESCHAL_RUN_DIR/ran" } }\n',
    },
  })
  const feed = site.layout.accountFeed('atmosphere_stage')
  const hasFailed = (workflow: string) =>
    readdirSync(feed)
      .filter((name) => name.endsWith('.ndjson'))
      .flatMap((name) => readFileSync(join(feed, name), 'utf8').split('\n'))
      .some((line) => line.includes(`"${workflow}"`) && line.includes('"submit-failed"'))
  await until(() => existsSync(join(site.jobRoot('atmosphere_stage'), 'good/ran')), 20_000)
  await until(() => hasFailed('large'), 20_000)
})
