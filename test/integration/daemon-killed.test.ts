/** Thirty kills of a daemon at work; `npm run bench -- faults` does a thousand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killDaemonAtWork, presentKills } from '../harness/kill-daemon.ts'
import { createChance, seedOf } from '../harness/kill-random.ts'

test('a daemon killed at random moments loses nothing, does nothing twice, and shows nobody half a file', async (t) => {
  const seed = seedOf(process.env)
  t.diagnostic(`SENESCHAL_KILL_SEED=${seed}`)
  const counts = await killDaemonAtWork(t, { kills: 30, chance: createChance(seed), say: () => undefined })
  t.diagnostic(presentKills(counts))
  assert.deepEqual(counts.faults, [])
  assert.deepEqual([counts.lost, counts.doubled, counts.torn], [0, 0, 0])
  assert.ok(counts.requests > 50 && counts.jobs > 5 && counts.reads > 100, presentKills(counts))
})
