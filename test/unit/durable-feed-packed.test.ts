/** Old segments of a feed are packed: nobody who follows loses a line, and the history stays whole. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdir, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { followFeed, readHistory } from '../../durable/feed-follower.ts'
import { openFeedWriter } from '../../durable/feed-writer.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

/** After whatever was written by now, whenever this file was loaded. */
const future = (): number => Date.now() + 10_000
const open = (dir: string, journal?: number) =>
  openFeedWriter({ dir, dirMode: 0o750, fileMode: 0o640, segmentBytes: 2000, journal })
const append = (writer: Awaited<ReturnType<typeof open>>, from: number, to: number): void => {
  for (let n = from; n <= to; n += 1)
    writer.append({ journal: n, at: n, put: [{ kind: 'x', key: `${n}`, row: n }], drop: [] })
}
/** A feed of several segments, all but the last covered by a snapshot. */
const feedOf = async (t: TestContext, lines: number) => {
  const dir = await temporaryDirectory(t)
  const writer = await open(dir)
  t.after(() => writer.close())
  for (let n = 1; n <= lines; n += 10) {
    append(writer, n, Math.min(lines, n + 9))
    await writer.flush()
  }
  await writer.writeSnapshot([], lines, lines)
  return { dir, writer }
}
const history = async (dir: string, from: number): Promise<number[]> =>
  (await Array.fromAsync(readHistory(dir, from))).flat().map(({ seq }) => seq)
const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index)

test('the history is whole, whatever of it is packed, and from any line on', async (t) => {
  const { dir, writer } = await feedOf(t, 300)
  await writer.pack(future())
  const files = await readdir(dir)
  assert.ok(files.filter((name) => name.endsWith('.gz')).length > 5)
  assert.equal(files.filter((name) => /^events-.*ndjson$/.test(name)).length, 1, 'the last one is written to')
  for (const from of [1, 17, 150, 299]) assert.deepEqual(await history(dir, from), numbers(from, 300))
  append(writer, 301, 310)
  await writer.flush()
  assert.deepEqual(await history(dir, 1), numbers(1, 310))
})

test('what is packed may be read by the same group, and is as old as it was', async (t) => {
  const { dir, writer } = await feedOf(t, 100)
  const [first = ''] = (await readdir(dir)).filter((name) => name.startsWith('events-')).sort()
  const then = new Date(Date.now() - 86_400_000)
  await utimes(join(dir, first), then, then)
  await writer.pack(Date.now() - 3_600_000)
  const packed = await stat(join(dir, `${first}.gz`))
  assert.deepEqual([packed.mode & 0o7777, packed.mtimeMs], [0o640, then.getTime()])
  assert.equal(
    (await readdir(dir)).filter((name) => name.endsWith('.gz')).length,
    1,
    'the others are too young',
  )
  await writer.prune(Date.now() - 3_600_000)
  assert.equal((await readdir(dir)).includes(`${first}.gz`), false)
})

test('a writer that was killed while it packed: the segment counts once, and is packed the next time', async (t) => {
  const { dir, writer } = await feedOf(t, 100)
  const [first = ''] = (await readdir(dir)).filter((name) => name.startsWith('events-')).sort()
  execFileSync('gzip', ['-k', join(dir, first)])
  await writeFile(join(dir, `.${first}.gz`), 'half')
  assert.deepEqual(await history(dir, 1), numbers(1, 100))
  await writer.pack(future())
  assert.equal((await readdir(dir)).includes(first), false)
  assert.deepEqual(await history(dir, 1), numbers(1, 100))
  assert.deepEqual(
    (await readdir(dir)).filter((name) => name.startsWith('.')),
    [],
  )
})

test('whoever comes back to a line that is packed by now begins with the snapshot', async (t) => {
  const { dir, writer } = await feedOf(t, 100)
  await writer.pack(future())
  const stop = new AbortController()
  t.after(() => stop.abort())
  const seen: (readonly [string, number])[] = []
  const done = followFeed({
    dir,
    since: 5,
    epoch: writer.epoch,
    pollMs: 20,
    onReset: (_rows, seq) => void seen.push(['reset', seq]),
    onLines: (lines) => void seen.push(['lines', lines.at(-1)?.seq ?? 0]),
    onProblem: () => undefined,
    signal: stop.signal,
  })
  await until(() => seen.length > 0)
  append(writer, 101, 101)
  await until(() => seen.length > 1)
  stop.abort()
  await done
  assert.deepEqual(seen, [
    ['reset', 100],
    ['lines', 101],
  ])
})

test('whoever follows slowly while segments are packed before it begins anew instead of standing still', async (t) => {
  const { dir, writer } = await feedOf(t, 20)
  const stop = new AbortController()
  t.after(() => stop.abort())
  const hold = Promise.withResolvers<void>()
  let last = 0
  let resets = 0
  const done = followFeed({
    dir,
    since: 0,
    epoch: writer.epoch,
    pollMs: 20,
    onReset: (_rows, seq) => {
      resets += 1
      last = seq
    },
    onLines: async (lines) => {
      last = lines.at(-1)?.seq ?? 0
      await hold.promise
    },
    onProblem: () => undefined,
    signal: stop.signal,
  })
  await until(() => last > 0)
  for (let n = 21; n <= 300; n += 10) {
    append(writer, n, n + 9)
    await writer.flush()
  }
  await writer.writeSnapshot([], 300, 300)
  await writer.pack(future())
  hold.resolve()
  await until(() => last === 300)
  assert.equal(resets, 1)
  stop.abort()
  await done
})

test('a feed that starts over leaves no packed line of before', async (t) => {
  const { dir, writer } = await feedOf(t, 100)
  await writer.pack(future())
  await writer.close()
  const other = await open(dir, 3)
  t.after(() => other.close())
  assert.deepEqual(
    (await readdir(dir)).filter((name) => name.startsWith('events-')),
    [],
  )
  append(other, 1, 2)
  await other.flush()
  assert.deepEqual(await history(dir, 1), [1, 2])
})
