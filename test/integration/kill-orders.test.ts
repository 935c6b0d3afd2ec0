/** A few of the orders in which a site can be stopped and started; test/long/kill.test.ts has them all. */
import { test } from 'node:test'
import { cannotStand } from '../harness/kill-site.ts'
import { surviveOrders } from '../harness/kill-story.ts'

test('a site is stopped and started in any order, and nobody loses anything', { skip: cannotStand }, (t) =>
  surviveOrders(t, 3),
)
