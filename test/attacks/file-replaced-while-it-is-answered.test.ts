/** A script that always writes to the same name: its next request must not be taken away with the one before. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { until } from '../harness/until.ts'

const account = 'atmosphere_stage'
const workflows = { [`${account}/clouds`]: 'graph: t\ntasks: { t: { script: "true" } }\n' }

test('each file that was put under one name while the one before was being answered is answered, or was replaced unread', async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  const { layout } = site
  const name = join(layout.inbox, 'request.json')
  const temp = join(layout.temp, 'request')
  const ids: string[] = []
  let answered: readonly string[] = []
  // The last one put is never replaced, so it is the one that must not vanish: again and again at another moment.
  for (let round = 0; round < 60; round += 1) {
    for (let burst = 0; burst < 1 + (round % 4); burst += 1) {
      const id = randomUUID()
      const ask = { action: burst % 2 === 0 ? 'hold' : 'release', account, workflow: 'clouds', args: {} }
      await writeFile(temp, JSON.stringify({ version: 1, id, ...ask }), { mode: 0o640 })
      await rename(temp, name)
      ids.push(id)
    }
    await until(async () => {
      answered = (await site.audit())
        .split('\n')
        .flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { readonly request: string }).request]))
      return answered.includes(ids.at(-1) ?? '')
    })
  }
  await until(async () => (await readdir(layout.inbox)).length === 0)
  assert.equal(
    answered.filter((id) => ids.includes(id)).length,
    new Set(answered.filter((id) => ids.includes(id))).size,
  )
})
