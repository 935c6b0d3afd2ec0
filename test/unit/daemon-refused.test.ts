/** What is no request is told once: not again by a daemon that was ended before the entry was gone. */
import assert from 'node:assert/strict'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { DaemonEvent } from '../../daemon/events.ts'
import { runIntake } from '../../daemon/intake.ts'
import { createDaemonState } from '../../daemon/state.ts'
import { restoreState, storeState } from '../../daemon/state-store.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const workflows = { 'atmosphere_stage/clouds': 'graph: t\ntasks: { t: { script: "true" } }\n' }

test('entries that cannot be removed are told once, also by the next daemon', async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  const refusals = async () => (await site.audit()).match(/"event":"request\.file-refused"/g)?.length ?? 0
  const events = site.layout.jobEvents('atmosphere_stage')
  for (const dir of [site.layout.inbox, events]) await mkdir(join(dir, 'directory.json'))
  await until(async () => (await refusals()) === 2)
  await site.restart()
  await writeFile(join(site.layout.inbox, 'new.json'), 'nonsense', { mode: 0o640 })
  await writeFile(join(events, 'new.json'), 'nonsense', { mode: 0o640 })
  await until(async () => (await refusals()) >= 4)
  assert.equal(await refusals(), 4)
  await until(async () => (await readdir(site.layout.inbox)).join() === 'directory.json')
  // The same name again is another file.
  await writeFile(join(site.layout.inbox, 'new.json'), 'nonsense', { mode: 0o640 })
  await until(async () => (await refusals()) === 5)
})

test('a refused file that a killed daemon told of and left is taken away in silence', async (t) => {
  const inbox = await temporaryDirectory(t)
  await writeFile(join(inbox, 'bad.json'), 'nonsense', { mode: 0o640 })
  const told: DaemonEvent[] = []
  /** Told and recorded, but `commit` is as far as the first one gets. */
  const takeUp = async (state: ReturnType<typeof createDaemonState>, killed: boolean) => {
    const end = new AbortController()
    const intake = runIntake({
      isFull: () => false,
      inbox,
      gid: process.getgid?.() ?? 0,
      pollMs: 20,
      admission: {
        site: 'test',
        verifier: () => {
          throw new Error('nobody brings a grant')
        },
        uidOf: () => undefined,
        accountOf: () => undefined,
        isSeveral: () => false,
        grantsFrom: () => 0,
        strangerOf: async () => undefined,
      },
      state,
      publisher: { publish: async () => undefined, clear: () => undefined },
      takeOrder: async () => undefined,
      process: async () => undefined,
      commit: async (events) => {
        told.push(...events)
        if (killed) throw new Error('killed')
      },
      now: Date.now,
      onProblem: () => undefined,
      signal: end.signal,
    })
    await until(async () => (killed ? told.length > 0 : (await readdir(inbox)).length === 0))
    end.abort()
    await intake
  }
  const state = createDaemonState()
  await takeUp(state, true)
  const [first] = told.splice(0)
  assert.equal(first?.kind, 'file-refused')
  if (first?.kind === 'file-refused') state.refused.add(first.entry ?? '')
  await takeUp(restoreState(storeState(state, {})).state, false)
  assert.deepEqual(told, [])
})
