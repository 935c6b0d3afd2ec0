import assert from 'node:assert/strict'
import { mkdir, open, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { followFeed } from '../../durable/feed-follower.ts'
import { type FeedWriter, openFeedWriter } from '../../durable/feed-writer.ts'
import { type History, openHistory } from '../../uiserver/history.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { jobRow, put } from '../harness/ui-server.ts'
import { until } from '../harness/until.ts'

const writeJobs = (feed: FeedWriter, from: number, to: number) => {
  for (let n = from; n <= to; n += 1) {
    const key = `clouds//${n}/climb/01`
    const at = n * 1000
    const job = (state: 'running' | 'succeeded') =>
      jobRow('clouds', String(n), 'climb', { state, submittedAt: at })
    feed.append({ journal: 2 * n - 1, at, put: [put('job', key, job('running'))], drop: [] })
    feed.append({
      journal: 2 * n,
      at,
      put: [put('job', key, job('succeeded'))],
      drop: [{ kind: 'instance', key: 'x' }],
    })
  }
}

const openFeed = (dir: string) =>
  openFeedWriter({ dir, dirMode: 0o750, fileMode: 0o640, segmentBytes: 50_000 })

/** A history as the server has it: behind a follower. */
const follow = async (t: TestContext, file: string, feed: string) => {
  const problems: unknown[] = []
  const history = openHistory({ file, feed, onProblem: (problem) => problems.push(problem) })
  const stopping = new AbortController()
  const done = followFeed({
    dir: feed,
    pollMs: 50,
    onReset: (rows, _seq, epoch) => history.reset(rows, epoch),
    onLines: history.offer,
    onProblem: () => undefined,
    signal: stopping.signal,
  })
  let stopped = false
  const stop = async () => {
    if (stopped) return
    stopped = true
    stopping.abort()
    await done
    await history.close()
  }
  t.after(stop)
  return { history, problems, stop }
}

const all = (history: History) =>
  history.jobs({ workflows: ['clouds'], limit: 10_000 })?.jobs.map(({ cycle, state }) => `${cycle} ${state}`)
const expected = (last: number) => Array.from({ length: last }, (_, index) => `${last - index} succeeded`)

test('a history catches up with what was written before and while it was away', async (t) => {
  const dir = await temporaryDirectory(t)
  const [feed, file] = [join(dir, 'feed'), join(dir, 'history.sqlite')]
  const writer = await openFeed(feed)
  writeJobs(writer, 1, 300)
  await writer.flush()
  const first = await follow(t, file, feed)
  await until(() => first.history.seq() === 600)
  writeJobs(writer, 301, 310)
  await until(() => first.history.seq() === 620)
  assert.deepEqual(all(first.history), expected(310))
  await first.stop()
  writeJobs(writer, 311, 330)
  await writer.writeSnapshot([], 660, 1)
  const second = await follow(t, file, feed)
  await until(() => second.history.seq() === 660)
  assert.deepEqual(all(second.history), expected(330))
  assert.deepEqual(second.history.job('clouds//5/climb/01')?.state, 'succeeded')
  assert.deepEqual([first.problems, second.problems], [[], []])
  await writer.close()
})

test('a missing, damaged or foreign file is made anew from the feed', async (t) => {
  const dir = await temporaryDirectory(t)
  const [feed, file] = [join(dir, 'feed'), join(dir, 'history.sqlite')]
  const writer = await openFeed(feed)
  writeJobs(writer, 1, 50)
  await writer.flush()
  for (const damage of [
    () => rm(file, { force: true }),
    () => writeFile(file, 'this is not a database'.repeat(500)),
    () => writeFile(file, ''),
    // The table that says of which feed it is, and how much of it.
    async () => {
      await using handle = await open(file, 'r+')
      await handle.write(Buffer.alloc(4096, 0xff), 0, 4096, 4096)
    },
  ]) {
    await damage()
    const { history, stop } = await follow(t, file, feed)
    await until(() => all(history)?.length === 50)
    assert.deepEqual(all(history), expected(50))
    await stop()
  }
  await writer.close()
  await rm(feed, { recursive: true })
  const other = await openFeed(feed)
  writeJobs(other, 1, 3)
  await other.flush()
  const { history } = await follow(t, file, feed)
  await until(() => all(history)?.length === 3)
  await other.close()
})

test('a file that breaks while it is in use is made anew, and the next question is answered', async (t) => {
  const dir = await temporaryDirectory(t)
  const [feed, file] = [join(dir, 'feed'), join(dir, 'history.sqlite')]
  const writer = await openFeed(feed)
  writeJobs(writer, 1, 2000)
  await writer.flush()
  const made = await follow(t, file, feed)
  await until(() => made.history.seq() === 4000)
  await made.stop()
  const handle = await open(file, 'r+')
  await handle.write(Buffer.alloc(300_000, 0xff), 0, 300_000, 8192)
  await handle.close()
  const { history, problems } = await follow(t, file, feed)
  await until(() => {
    try {
      return all(history)?.length === 2000
    } catch {
      return false
    }
  })
  assert.ok(problems.length > 0)
  assert.deepEqual(all(history), expected(2000))
  await writer.close()
})

test('jobs whose lines are no longer kept come from the snapshot', async (t) => {
  const dir = await temporaryDirectory(t)
  const feed = join(dir, 'feed')
  const writer = await openFeed(feed)
  for (let n = 1; n <= 400; n += 100) {
    writeJobs(writer, n, n + 99)
    await writer.flush()
  }
  const kept = put(
    'job',
    'clouds//1/climb/01',
    jobRow('clouds', '1', 'climb', { state: 'failed', submittedAt: 1 }),
  )
  await writer.writeSnapshot([kept], 800, 1)
  await writer.prune(Date.now() + 60_000)
  const { history } = await follow(t, ':memory:', feed)
  await until(() => history.job('clouds//1/climb/01') !== undefined)
  await history.settled()
  assert.equal(history.job('clouds//1/climb/01')?.state, 'failed')
  await writer.close()
})

test('a second server of the account that comes too early has its history in memory', async (t) => {
  const dir = await temporaryDirectory(t)
  const [feed, file] = [join(dir, 'feed'), join(dir, 'history.sqlite')]
  const writer = await openFeed(feed)
  writeJobs(writer, 1, 5)
  await writer.flush()
  const first = await follow(t, file, feed)
  await until(() => first.history.seq() === 10)
  const second = await follow(t, file, feed)
  await until(() => second.history.seq() === 10)
  assert.equal(second.problems.length, 1)
  assert.deepEqual(all(first.history), all(second.history))
  assert.ok((await readdir(dir)).includes('history.sqlite'))
  await writer.close()
})

test('20,000 lines are taken in without holding up the loop', async (t) => {
  const dir = await temporaryDirectory(t)
  const feed = join(dir, 'feed')
  await mkdir(feed)
  const writer = await openFeedWriter({ dir: feed, dirMode: 0o750, fileMode: 0o640 })
  writeJobs(writer, 1, 10_000)
  await writer.flush()
  const { history } = await follow(t, join(dir, 'history.sqlite'), feed)
  let turns = 0
  const watching = setInterval(() => {
    turns += 1
  }, 1)
  await until(() => history.seq() === 20_000, 20_000)
  clearInterval(watching)
  // How long each took is the machine's; that they are many is ours.
  assert.ok(turns > 20, `${turns} turns of others`)
})
