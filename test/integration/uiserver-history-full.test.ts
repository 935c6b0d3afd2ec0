/** A home over its quota: files of this process cannot grow, which is why it is a process of its own. */
import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openFeedWriter } from '../../durable/feed-writer.ts'
import type { FeedLine } from '../../protocol/feed.ts'
import { openHistory } from '../../uiserver/history.ts'
import { fillDiskOf } from '../harness/dead-parts.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { jobRow, put } from '../harness/ui-server.ts'
import { until } from '../harness/until.ts'

const jobLine = (n: number): FeedLine => ({
  v: 1,
  seq: n,
  at: n,
  journal: n,
  put: [put('job', `clouds//${n}/climb/01`, jobRow('clouds', String(n), 'climb', { submittedAt: n }))],
  drop: [],
})

test('a history that cannot grow keeps what it has, and goes on once there is room', async (t) => {
  const dir = await temporaryDirectory(t)
  const [feed, file] = [join(dir, 'feed'), join(dir, 'history.sqlite')]
  const writer = await openFeedWriter({ dir: feed, dirMode: 0o750, fileMode: 0o640, segmentBytes: 50_000 })
  t.after(writer.close)
  const write = async (lines: readonly FeedLine[]) => {
    for (const { journal, at, put, drop } of lines) writer.append({ journal, at, put, drop })
    await writer.flush()
  }
  await write(Array.from({ length: 3000 }, (_, index) => jobLine(index + 1)))
  const problems: unknown[] = []
  const history = openHistory({ file, feed, retryMs: 50, onProblem: (problem) => problems.push(problem) })
  t.after(history.close)
  const count = () => history.jobs({ workflows: ['clouds'], limit: 10_000 })?.jobs.length
  // A job that only the snapshot of that time knew: it cannot be read anew.
  history.reset([put('job', 'clouds//0/climb/01', jobRow('clouds', '0', 'climb', { submittedAt: 0 }))], 'one')
  await history.settled()
  assert.equal(count(), 3001)

  const more = Array.from({ length: 3000 }, (_, index) => jobLine(index + 3001))
  const giveRoom = fillDiskOf([process], (await stat(file)).size)
  t.after(giveRoom)
  await write(more)
  history.offer(more)
  await until(() => problems.length > 2)
  assert.equal(history.job('clouds//0/climb/01')?.cycle, '0')
  assert.equal(history.seq(), 3000)
  // A feed that begins anew finds no room either, which must not reach whoever follows it.
  history.reset([], 'two')
  const before = problems.length
  await until(() => problems.length > before + 1)
  giveRoom()
  await until(() => history.seq() === 6000 && count() === 6000)
  assert.equal(history.job('clouds//0/climb/01'), undefined)
})
