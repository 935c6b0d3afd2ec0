import assert from 'node:assert/strict'
import { appendFile, mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Disk, realDisk } from '../../durable/disk.ts'
import { followFeed, readHistory } from '../../durable/feed-follower.ts'
import { type FeedWriterSettings, openFeedWriter } from '../../durable/feed-writer.ts'
import type { FeedLine, FeedSnapshot } from '../../protocol/feed.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

type Row = FeedSnapshot['rows'][number]
const row = (key: string, value: unknown): Row => ({ kind: 'x', key, row: value })
const change = (n: number) => ({ journal: n, at: n * 1000, put: [row(`k${n % 7}`, n)], drop: [] })

const open = (dir: string, more: Partial<FeedWriterSettings> = {}) =>
  openFeedWriter({ dir, dirMode: 0o750, fileMode: 0o640, ...more })

/** A follower as its users write it: rows in a map, and what it was told. */
const follow = (
  t: TestContext,
  dir: string,
  more: { since?: number; epoch?: string; pollMs?: number } = {},
) => {
  const rows = new Map<string, unknown>()
  const state = {
    seq: 0,
    resets: 0,
    lines: 0,
    epoch: '',
    /** Number of the last line, each time that all was told. */
    current: [] as number[],
    problem: undefined as Error | null | undefined,
    rows,
  }
  const stopping = new AbortController()
  const done = followFeed({
    dir,
    pollMs: 50,
    ...more,
    onReset: (all, seq, epoch) => {
      rows.clear()
      for (const { key, row } of all) rows.set(key, row)
      Object.assign(state, { seq, epoch, resets: state.resets + 1 })
    },
    onLines: (lines: readonly FeedLine[]) => {
      for (const line of lines) {
        if (state.resets > 0) assert.equal(line.seq, state.seq + 1, 'no gap, nothing twice')
        for (const { key, row } of line.put) rows.set(key, row)
        for (const { key } of line.drop) rows.delete(key)
        state.seq = line.seq
        state.lines += 1
      }
    },
    onCurrent: () => void state.current.push(state.seq),
    onProblem: (error) => {
      state.problem = error
    },
    signal: stopping.signal,
  })
  const stop = async () => {
    stopping.abort()
    await done
  }
  t.after(stop)
  return Object.assign(state, { stop })
}

test('a follower says once that it is up to now, after snapshot and lines', async (t) => {
  const dir = await temporaryDirectory(t)
  const writer = await open(dir, { segmentBytes: 2000 })
  for (let n = 1; n <= 100; n += 1) writer.append(change(n))
  await writer.writeSnapshot([], 100, 100)
  for (let n = 101; n <= 300; n += 1) writer.append(change(n))
  await writer.flush()
  const follower = follow(t, dir)
  await until(() => follower.current.length > 0)
  writer.append(change(301))
  await until(() => follower.seq === 301)
  assert.deepEqual(follower.current, [300])
  await writer.close()
})

test('a follower that begins anywhere ends with the same rows as the writer', async (t) => {
  const dir = await temporaryDirectory(t)
  const writer = await open(dir, { segmentBytes: 2000 })
  const expected = new Map<string, unknown>()
  const early = follow(t, dir)
  for (let n = 1; n <= 300; n += 1) {
    writer.append(change(n))
    expected.set(`k${n % 7}`, n)
    if (n === 120)
      await writer.writeSnapshot(
        [...expected].map(([key, value]) => row(key, value)),
        n,
        n,
      )
    if (n % 50 === 0) await writer.flush()
  }
  const late = follow(t, dir)
  await until(() => early.seq === 300 && late.seq === 300)
  assert.deepEqual(early.rows, expected)
  assert.deepEqual(late.rows, expected)
  assert.ok((await readdir(dir)).filter((name) => name.startsWith('events-')).length > 5)
  writer.append({ journal: 301, at: 1, put: [], drop: [{ kind: 'x', key: 'k1' }] })
  await until(() => !early.rows.has('k1') && !late.rows.has('k1'))
  assert.equal(early.resets, 1)
  assert.equal(early.problem, undefined)
  await writer.close()
})

test('20,000 lines in bursts reach a follower in order, none missing', async (t) => {
  const dir = await temporaryDirectory(t)
  const writer = await open(dir)
  const state = follow(t, dir, { pollMs: 5000 })
  await until(() => state.resets === 1)
  for (let n = 1; n <= 20_000; n += 1) {
    writer.append(change(n))
    if (n % 997 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await until(() => state.seq === 20_000, 20_000)
  assert.equal(state.lines, 20_000)
  await writer.close()
})

test('a wake-up that comes while the follower is busy is not lost', async (t) => {
  const dir = await temporaryDirectory(t)
  const writer = await open(dir)
  // A poll so slow that only the watcher can be what delivers these lines.
  const state = follow(t, dir, { pollMs: 60_000 })
  await until(() => state.resets === 1)
  for (let n = 1; n <= 200; n += 1) {
    writer.append(change(n))
    await writer.flush()
  }
  await until(() => state.seq === 200, 5000)
  await writer.close()
})

test('a follower goes on after the line it had, or is reset where it cannot', async (t) => {
  const dir = await temporaryDirectory(t)
  const writer = await open(dir, { segmentBytes: 1000 })
  for (let n = 1; n <= 50; n += 1) writer.append(change(n))
  await writer.flush()
  const resumed = follow(t, dir, { since: 30, epoch: writer.epoch })
  const fromStart = follow(t, dir, { since: 0 })
  const ahead = follow(t, dir, { since: 51, epoch: writer.epoch })
  const foreign = follow(t, dir, { since: 30, epoch: 'another' })
  await until(() => [resumed, fromStart, ahead, foreign].every(({ seq }) => seq === 50))
  assert.deepEqual([resumed.resets, resumed.lines], [0, 20])
  assert.deepEqual([fromStart.resets, fromStart.lines], [0, 50])
  assert.deepEqual([ahead.resets, foreign.resets], [1, 1])
  await writer.close()
})

test('a writer opened again goes on where it ended, after half a line too', async (t) => {
  const dir = await temporaryDirectory(t)
  const first = await open(dir)
  for (let n = 1; n <= 10; n += 1) first.append(change(n))
  await first.close()
  const path = join(dir, 'events-000000000001.ndjson')
  const { size } = await stat(path)
  const state = follow(t, dir)
  await until(() => state.seq === 10)
  await appendFile(path, '{"v":1,"seq":11,"jour')
  await new Promise((resolve) => setTimeout(resolve, 120))
  const second = await open(dir)
  assert.deepEqual(second.last(), { seq: 10, journal: 10 })
  assert.equal(second.epoch, first.epoch)
  second.append({ journal: 11, at: 0, put: [row('new', 'ü'.repeat(100))], drop: [] })
  await until(() => state.seq === 11)
  assert.equal(state.rows.get('new'), 'ü'.repeat(100))
  assert.equal(state.resets, 1)
  await second.close()
  await truncate(path, size - 5)
  const third = await open(dir)
  assert.deepEqual(third.last(), { seq: 9, journal: 9 })
  await third.close()
})

test('a feed ahead of its journal starts over, and its followers with it', async (t) => {
  const dir = await temporaryDirectory(t)
  const first = await open(dir)
  for (let n = 1; n <= 10; n += 1) first.append(change(n))
  await first.writeSnapshot([row('old', 1)], 10, 1)
  await first.close()
  const state = follow(t, dir)
  await until(() => state.seq === 10)
  const second = await open(dir, { journal: 4 })
  assert.notEqual(second.epoch, first.epoch)
  assert.deepEqual(second.last(), { seq: 0, journal: 0 })
  second.append(change(1))
  await until(() => state.epoch === second.epoch && state.seq === 1)
  assert.deepEqual([...state.rows.keys()], ['k1'])
  await second.close()
})

test('a follower waits for a directory that is not there, says so, and takes it up when it comes', async (t) => {
  const root = await temporaryDirectory(t)
  const dir = join(root, 'feed')
  const state = follow(t, dir)
  await until(() => state.problem instanceof Error)
  const writer = await open(dir)
  writer.append(change(1))
  await until(() => state.seq === 1 && state.problem === null)
  await writer.flush()
  await rename(dir, join(root, 'elsewhere'))
  await until(() => state.problem instanceof Error)
  await rename(join(root, 'elsewhere'), dir)
  writer.append(change(2))
  await until(() => state.seq === 2 && state.problem === null)
  await writer.close()
})

test('a feed put back from a copy is read anew', async (t) => {
  const dir = await temporaryDirectory(t)
  const writer = await open(dir)
  for (let n = 1; n <= 5; n += 1) writer.append(change(n))
  await writer.close()
  const state = follow(t, dir)
  await until(() => state.seq === 5)
  const path = join(dir, 'events-000000000001.ndjson')
  const copy = await readFile(path, 'utf8')
  await rm(path)
  await writeFile(path, copy)
  await until(() => state.resets === 2 && state.seq === 5)
  await truncate(path, copy.indexOf('\n', copy.indexOf('\n') + 1) + 1)
  await until(() => state.resets === 3 && state.seq === 2)
})

test('a line that makes no sense stops the follower with a reason until a newer snapshot is there', async (t) => {
  const dir = await temporaryDirectory(t)
  const writer = await open(dir)
  for (let n = 1; n <= 3; n += 1) writer.append(change(n))
  await writer.flush()
  const state = follow(t, dir)
  await until(() => state.seq === 3)
  await appendFile(
    join(dir, 'events-000000000001.ndjson'),
    '{"v":1,"seq":9,"journal":9,"at":0,"put":[],"drop":[]}\n',
  )
  await until(() => state.problem instanceof Error && /Line 4/.test(state.problem.message))
  assert.equal(state.resets, 1, 'not reset again and again')
  writer.append(change(4))
  await writer.writeSnapshot([row('whole', true)], 4, 0)
  await until(() => state.problem === null && state.seq === 4 && state.rows.has('whole'))
  await writer.close()
})

test('lines pruned behind the snapshot are not needed; history gives what is retained', async (t) => {
  const dir = await temporaryDirectory(t)
  const writer = await open(dir, { segmentBytes: 500 })
  for (let n = 1; n <= 40; n += 1) {
    writer.append(change(n))
    await writer.flush()
  }
  const all: number[] = []
  for await (const lines of readHistory(dir, 25)) all.push(...lines.map(({ seq }) => seq))
  assert.deepEqual(
    all,
    Array.from({ length: 16 }, (_, index) => index + 25),
  )
  await writer.prune(Date.now() + 10_000)
  assert.equal((await readdir(dir)).includes('events-000000000001.ndjson'), true, 'no snapshot covers it yet')
  await writer.writeSnapshot([row('k', 1)], 40, 1)
  await writer.prune(Date.now() + 10_000)
  const kept = (await readdir(dir)).filter((name) => name.startsWith('events-'))
  assert.equal(kept.length, 1)
  const state = follow(t, dir)
  await until(() => state.seq === 40)
  assert.deepEqual([...state.rows], [['k', 1]])
  await writer.close()
})

test('files and directory have exactly the modes that were asked for', async (t) => {
  const dir = join(await temporaryDirectory(t), 'feed')
  await mkdir(dir, { mode: 0o700 })
  const writer = await open(dir)
  writer.append(change(1))
  await writer.writeSnapshot([], 1, 1)
  await writer.close()
  const mode = async (name: string) => (await stat(join(dir, name))).mode & 0o7777
  assert.equal(await mode('.'), 0o750)
  for (const name of await readdir(dir)) assert.equal(await mode(name), 0o640, name)
  assert.deepEqual((await readdir(dir)).sort(), ['epoch.json', 'events-000000000001.ndjson', 'snapshot.json'])
})

test('while the disk is full nothing is lost, the owner is told once, and it goes on when there is room', async (t) => {
  const dir = await temporaryDirectory(t)
  let full = false
  const disk: Disk = {
    ...realDisk,
    write: async (fd, bytes, position) => {
      if (!full) return realDisk.write(fd, bytes, position)
      await realDisk.write(fd, bytes.subarray(0, 20), position)
      throw new Error('no space left')
    },
  }
  const told: (string | null)[] = []
  const writer = await open(dir, { disk, onProblem: (error) => told.push(error?.message ?? null) })
  const state = follow(t, dir)
  writer.append(change(1))
  await writer.flush()
  full = true
  writer.append(change(2))
  await assert.rejects(writer.flush(), /no space left/)
  writer.append(change(3))
  await assert.rejects(writer.flush(), /no space left/)
  full = false
  await until(() => state.seq === 3, 5000)
  assert.deepEqual(told, ['no space left', null])
  await writer.close()
})
