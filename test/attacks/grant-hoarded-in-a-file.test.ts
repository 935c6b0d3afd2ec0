/** Row 52: a request written in time, kept for later with its times set back, and filed when it suits. */
import assert from 'node:assert/strict'
import { rename, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startDaemon } from '../harness/in-process-daemon.ts'

test('the time that counts is one that its owner cannot set', async (t) => {
  const workflows = { 'atmosphere_stage/clouds': 'graph: t\ntasks: { t: { script: "true" } }\n' }
  const site = await startDaemon(t, { workflows, autoplay: false })
  const now = Math.floor(Date.now() / 1000)
  const hoarded = await site.grant(
    { action: 'hold', workflow: 'clouds' },
    {
      // With the seconds by which clocks may differ, good for a second or two from now.
      iat: now - 60,
      exp: now - 4,
    },
  )
  const temp = join(site.layout.temp, 'hoarded')
  await writeFile(temp, JSON.stringify({ version: 1, ...hoarded }), { mode: 0o640 })
  const inTime = await site.grant({ action: 'hold', workflow: 'clouds' }, { iat: now, exp: now + 60 })
  await sleep((now + 3) * 1000 - Date.now())
  await utimes(temp, now, now)
  await rename(temp, join(site.layout.inbox, `${hoarded.id}.json`))
  assert.equal((await site.answer(hoarded.id)).code, 'grant.expired')
  await site.put({ version: 1, ...inTime })
  assert.equal((await site.answer(inTime.id)).state, 'done')
})

test('a grant that was filed in time counts when the daemon comes back after its end; one filed later does not', async (t) => {
  const workflows = { 'atmosphere_stage/clouds': 'graph: t\ntasks: { t: { script: "true" } }\n' }
  const site = await startDaemon(t, { workflows, autoplay: false })
  await site.daemon.stop()
  const now = Math.floor(Date.now() / 1000)
  // Two seconds before even the difference of clocks is over.
  const times = { iat: now - 60, exp: now - 3 }
  const inTime = await site.grant({ action: 'hold', workflow: 'clouds' }, times)
  await site.put({ version: 1, ...inTime })
  const late = await site.grant({ action: 'release', workflow: 'clouds' }, times)
  await sleep((now + 4) * 1000 - Date.now())
  await site.put({ version: 1, ...late })
  await site.restart()
  assert.equal((await site.answer(inTime.id)).state, 'done')
  assert.equal((await site.answer(late.id)).code, 'grant.expired')
})
