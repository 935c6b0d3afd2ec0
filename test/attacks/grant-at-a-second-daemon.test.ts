/** Row 52: a grant that was captured on its way, filed at another daemon of the site, which believes the same hub. */
import assert from 'node:assert/strict'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startDaemon } from '../harness/in-process-daemon.ts'

const definition = 'graph: t\ntasks: { t: { script: "true" } }\n'

test('a grant is good at the daemon of its account alone, also where that daemon has used it', async (t) => {
  const first = await startDaemon(t, {
    workflows: { 'atmosphere_stage/clouds': definition },
    autoplay: false,
  })
  const second = await startDaemon(t, {
    workflows: { 'oceans_stage/clouds': definition },
    autoplay: false,
    before: ({ config }) => copyFile(join(first.dir, 'jwks.json'), config.hubKeys),
  })
  const captured = await first.grant({ action: 'hold', workflow: 'clouds' })
  await second.put({ version: 1, ...captured })
  assert.equal((await second.answer(captured.id)).code, 'grant.wrong-account')
  assert.doesNotMatch(await second.audit(), /jacintar|action\.done/)

  await first.put({ version: 1, ...captured })
  assert.equal((await first.answer(captured.id)).state, 'done', 'the lie took nothing away from it')
  // The second daemon does believe this hub.
  const own = await first.grant({ action: 'hold', account: 'oceans_stage', workflow: 'clouds' })
  await second.put({ version: 1, ...own })
  assert.equal((await second.answer(own.id)).state, 'done')
})
