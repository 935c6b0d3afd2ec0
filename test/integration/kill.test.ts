/** Twenty kills of a site at work; test/long/kill.test.ts does it hundreds of times. */
import { test } from 'node:test'
import { cannotStand } from '../harness/kill-site.ts'
import { surviveKills } from '../harness/kill-story.ts'

test('parts of a site at work are killed, and nobody loses anything', { skip: cannotStand }, (t) =>
  surviveKills(t, { kills: 20, pauseMs: 400 }),
)
