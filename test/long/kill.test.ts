/** Two hundred kills of a site at work, in an order and at moments that SENESCHAL_KILL_SEED repeats. */
import { test } from 'node:test'
import { cannotStand } from '../harness/kill-site.ts'
import { surviveKills } from '../harness/kill-story.ts'

test(
  'parts of a site at work are killed two hundred times, and nobody loses anything',
  {
    skip: cannotStand,
  },
  (t) => surviveKills(t, { kills: Number(process.env.SENESCHAL_KILLS ?? 200), pauseMs: 2000 }),
)
