import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { chown, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startDaemon } from '../harness/in-process-daemon.ts'

const workflows = { 'atmosphere_stage/clouds': 'graph: t\ntasks: { t: { script: "true" } }\n' }
const isRoot = process.getuid?.() === 0

test('a request for an account by a uid that is not it is refused, whatever it says', {
  skip: isRoot ? false : 'making a file of another user needs root',
}, async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  const file = async (body: object): Promise<string> => {
    const id = randomUUID()
    const path = join(site.layout.temp, id)
    await writeFile(path, JSON.stringify({ version: 1, id, ...body }), { mode: 0o640 })
    await chown(path, 40_001, process.getgid?.() ?? 0)
    await rename(path, join(site.layout.inbox, `${id}.json`))
    return id
  }
  const target = { account: 'atmosphere_stage', workflow: 'clouds', args: {} }
  const forged = await site.answer(await file({ action: 'hold', ...target }))
  assert.deepEqual([forged.state, forged.code], ['refused', 'permission.denied'])
  const plugin = await site.answer(await file({ action: 'submit', plugin: 'echo', args: {} }))
  assert.deepEqual([plugin.state, plugin.code], ['refused', 'plugin.none'])

  const stolen = await site.grant({ action: 'hold', workflow: 'clouds' })
  assert.equal((await site.answer(await file(stolen))).code, 'grant.wrong-account')
  assert.doesNotMatch(await site.audit(), /action\.done|jacintar/)
})
