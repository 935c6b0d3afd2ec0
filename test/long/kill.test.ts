/**
 * Two hundred kills of a site at work, in an order and at moments that SENESCHAL_KILL_SEED repeats, and every order in
 * which its parts can be stopped.
 */
import { test } from 'node:test'
import { cannotStand } from '../harness/kill-site.ts'
import { surviveKills, surviveOrders } from '../harness/kill-story.ts'

test(
  'parts of a site at work are killed two hundred times, and nobody loses anything',
  {
    skip: cannotStand,
  },
  (t) => surviveKills(t, { kills: 200, pauseMs: 2000 }),
)

test('a site is stopped and started in every order, and nobody loses anything', { skip: cannotStand }, (t) =>
  surviveOrders(t, 24),
)
