import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { DaemonEvent } from '../../daemon/events.ts'
import { watchJobEvents } from '../../daemon/job-events.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const watching = async (t: TestContext) => {
  const dir = await temporaryDirectory(t)
  const end = new AbortController()
  const committed: DaemonEvent[] = []
  const problems: (string | null)[] = []
  const disk = { failing: true, tries: 0 }
  const ended = watchJobEvents({
    account: 'atmosphere_stage',
    directory: dir,
    uid: statSync(dir).uid,
    refused: new Set(),
    isOurs: ({ incarnation }) => incarnation === undefined,
    pollMs: 20,
    commit: async (events) => void committed.push(...events),
    now: Date.now,
    onProblem: (error) => problems.push(error?.message ?? null),
    signal: end.signal,
    takeAway: async (path) => {
      disk.tries += 1
      if (disk.failing) throw Object.assign(new Error('read-only file system'), { code: 'EROFS' })
      await unlink(path)
    },
  })
  t.after(async () => {
    end.abort()
    await ended
  })
  const put = (submit: number) => {
    const event = { v: 1, workflow: 'clouds', cycle: '1', task: 'climb', submit, event: 'started', time: 1 }
    writeFileSync(join(dir, `clouds.1.climb.${submit}.started.json`), JSON.stringify(event), { mode: 0o640 })
  }
  return { dir, committed, problems, disk, put }
}

test('an event that cannot be taken away counts once, and is taken away when that is possible', async (t) => {
  const { dir, committed, problems, disk, put } = await watching(t)
  put(1)
  await until(() => disk.tries > 3)
  assert.equal(committed.length, 1)
  assert.deepEqual(problems, ['read-only file system'])
  put(2)
  await until(() => committed.length === 2)
  disk.failing = false
  await until(() => readdirSync(dir).length === 0 && problems.at(-1) === null)
  assert.equal(committed.length, 2)
  // Another one under the name of the first is another one.
  put(1)
  await until(() => committed.length === 3)
})

test('a directory among the events is refused once, left alone and no trouble', async (t) => {
  const { dir, committed, problems, disk, put } = await watching(t)
  disk.failing = false
  mkdirSync(join(dir, 'strange'))
  await until(() => disk.tries > 3)
  put(1)
  await until(() => committed.length === 2)
  assert.deepEqual(
    committed.map(({ kind }) => kind),
    ['file-refused', 'engine'],
  )
  assert.deepEqual(problems, [])
})
