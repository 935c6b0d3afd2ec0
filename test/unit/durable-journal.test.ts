import assert from 'node:assert/strict'
import { appendFile, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Disk, realDisk } from '../../durable/disk.ts'
import { openJournal } from '../../durable/journal.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const first = 'journal-000000000001.ndjson'

type Event = { readonly n: number; readonly text?: string }

const code = (expected: string) => (error: unknown) =>
  error instanceof SeneschalError && error.code === expected

const collect = async (source: AsyncIterable<{ readonly seq: number; readonly event: Event }>) => {
  const found: (readonly [number, number])[] = []
  for await (const { seq, event } of source) found.push([seq, event.n])
  return found
}

const segments = async (dir: string) =>
  (await readdir(dir)).filter((name) => name.startsWith('journal-')).sort()

test('a journal opened again has what was appended, with the same numbers', async (t) => {
  const dir = await temporaryDirectory(t)
  const first = await openJournal<Event>({ dir })
  assert.equal(await first.append([{ n: 1 }, { n: 2 }]), 2)
  assert.equal(await first.append([{ n: 3 }]), 3)
  await first.close()
  const second = await openJournal<Event>({ dir })
  assert.equal(second.lastSeq(), 3)
  assert.equal(await second.append([{ n: 4 }]), 4)
  assert.deepEqual(await collect(second.read(2)), [
    [2, 2],
    [3, 3],
    [4, 4],
  ])
  assert.deepEqual(await collect(second.read(5)), [])
  await second.close()
})

test('2,000 appends that wait together share a few syncs, and keep the order of the calls', async (t) => {
  const dir = await temporaryDirectory(t)
  let syncs = 0
  const disk: Disk = {
    ...realDisk,
    sync: (fd) => {
      syncs += 1
      return realDisk.sync(fd)
    },
  }
  const journal = await openJournal<Event>({ dir, disk })
  const seqs = await Promise.all(Array.from({ length: 2000 }, (_, n) => journal.append([{ n: n + 1 }])))
  assert.deepEqual(
    seqs,
    Array.from({ length: 2000 }, (_, n) => n + 1),
  )
  assert.ok(syncs <= 20, `${syncs} syncs for 2,000 appends`)
  assert.equal(
    (await collect(journal.read(1))).every(([seq, n]) => seq === n),
    true,
  )
  await journal.close()
})

test('an append is not acknowledged before the sync that covers it', async (t) => {
  const dir = await temporaryDirectory(t)
  const order: string[] = []
  const disk: Disk = {
    ...realDisk,
    sync: async (fd) => {
      await realDisk.sync(fd)
      order.push('sync')
    },
  }
  const journal = await openJournal<Event>({ dir, disk })
  await journal.append([{ n: 1 }]).then(() => order.push('acknowledged'))
  assert.deepEqual(order, ['sync', 'acknowledged'])
  await journal.close()
})

test('a crash in the middle of a write loses that write and nothing before it', async (t) => {
  const dir = await temporaryDirectory(t)
  const journal = await openJournal<Event>({ dir })
  await journal.append([{ n: 1 }, { n: 2 }])
  const path = join(dir, first)
  const before = (await readFile(path)).length
  await journal.append([{ n: 3, text: 'ü'.repeat(50) }, { n: 4 }])
  await journal.close()
  const whole = await readFile(path)
  for (let size = before; size < whole.length; size += 7) {
    await writeFile(path, whole.subarray(0, size))
    const again = await openJournal<Event>({ dir })
    assert.deepEqual([again.lastSeq(), again.cut], [2, size - before], `cut at ${size}`)
    assert.equal(await again.append([{ n: 33 }]), 3)
    assert.deepEqual(await collect(again.read(1)), [
      [1, 1],
      [2, 2],
      [3, 33],
    ])
    await again.close()
  }
})

test('a power cut that left any one page of the last write unwritten loses that write alone', async (t) => {
  const dir = await temporaryDirectory(t)
  const journal = await openJournal<Event>({ dir })
  await journal.append([{ n: 1, text: 'x'.repeat(900) }])
  const path = join(dir, first)
  const before = (await readFile(path)).length
  await journal.append(Array.from({ length: 40 }, (_, n) => ({ n, text: 'y'.repeat(500) })))
  await journal.close()
  const whole = await readFile(path)
  const pages = Math.ceil(whole.length / 4096)
  assert.ok(pages > 4)
  for (let page = 0; page < pages; page += 1) {
    const torn = Buffer.from(whole)
    // The filesystem gives zeros for what never came; of the first page only what the write before had synced is there.
    torn.fill(0, Math.max(before, page * 4096), Math.min(torn.length, (page + 1) * 4096))
    await writeFile(path, torn)
    const again = await openJournal<Event>({ dir })
    assert.deepEqual([again.lastSeq(), again.cut], [1, whole.length - before], `page ${page}`)
    assert.equal(await again.append([{ n: 2 }]), 2)
    await again.close()
    const third = await openJournal<Event>({ dir })
    assert.deepEqual([third.lastSeq(), third.cut], [2, 0])
    await third.close()
  }
})

test('damage to what was acknowledged is named, not skipped and not cut off', async (t) => {
  const dir = await temporaryDirectory(t)
  const journal = await openJournal<Event>({ dir })
  const ends: number[] = []
  for (const n of [1, 2, 3]) {
    await journal.append([{ n, text: 'z'.repeat(40) }])
    ends.push((await readFile(join(dir, first))).length)
  }
  await journal.close()
  const whole = await readFile(join(dir, first))
  const [from = 0, to = 0] = ends
  for (let at = from; at < to; at += 3) {
    const flipped = Buffer.from(whole)
    flipped[at] = (flipped[at] ?? 0) ^ 1
    await writeFile(join(dir, first), flipped)
    await assert.rejects(openJournal({ dir }), (error) => {
      return code('journal.corrupt')(error) && /journal-000000000001\.ndjson: event 2/.test(String(error))
    })
    assert.deepEqual(await readFile(join(dir, first)), flipped, 'and it stays as it is')
  }
  const zeros = Buffer.from(whole).fill(0, from, to)
  await writeFile(join(dir, first), zeros)
  await assert.rejects(openJournal({ dir }), code('journal.corrupt'))
})

test('a journal that a newer version wrote is refused by that name', async (t) => {
  const dir = await temporaryDirectory(t)
  await writeFile(join(dir, first), '{"v":3,"something":"new"}\n')
  await assert.rejects(openJournal({ dir }), code('format.newer'))
})

test('a journal of version 1 is read, and goes on in the same segment', async (t) => {
  const dir = await temporaryDirectory(t)
  const line = (seq: number) => `${JSON.stringify({ v: 1, seq, event: { n: seq } })}\n`
  const half = line(3).slice(0, 20)
  await writeFile(join(dir, first), line(1) + line(2) + half)
  const journal = await openJournal<Event>({ dir })
  assert.equal(journal.cut, half.length)
  assert.equal(await journal.append([{ n: 3 }]), 3)
  await journal.close()
  const again = await openJournal<Event>({ dir })
  assert.deepEqual(await collect(again.read(1)), [
    [1, 1],
    [2, 2],
    [3, 3],
  ])
  await again.close()
  await writeFile(join(dir, first), line(1).replace('"n":1', '"n:1') + line(2))
  await assert.rejects(openJournal({ dir }), code('journal.corrupt'))
})

test('segments roll, and pruning removes only those that are wholly older', async (t) => {
  const dir = await temporaryDirectory(t)
  const journal = await openJournal<Event>({ dir, segmentBytes: 200 })
  for (let n = 1; n <= 40; n += 1) await journal.append([{ n }])
  const before = await segments(dir)
  assert.ok(before.length > 5)
  await journal.writeSnapshot(20, { upTo: 20 })
  await journal.prune(21)
  const kept = await segments(dir)
  assert.ok(kept.length < before.length)
  assert.deepEqual(
    (await collect(journal.read(21))).map(([seq]) => seq),
    Array.from({ length: 20 }, (_, index) => index + 21),
  )
  await assert.rejects(collect(journal.read(1)), code('journal.corrupt'))
  await journal.close()
  const again = await openJournal<Event>({ dir, segmentBytes: 200 })
  assert.deepEqual(await again.readSnapshot(), { seq: 20, data: { upTo: 20 } })
  assert.equal(again.lastSeq(), 40)
  await again.close()
})

test('a snapshot of events that are not there any more is refused at opening', async (t) => {
  const dir = await temporaryDirectory(t)
  const journal = await openJournal<Event>({ dir })
  await journal.append([{ n: 1 }, { n: 2 }])
  await assert.rejects(journal.writeSnapshot(3, {}), RangeError)
  await journal.writeSnapshot(2, {})
  await journal.close()
  await truncate(join(dir, 'journal-000000000001.ndjson'), 0)
  await assert.rejects(openJournal({ dir }), code('journal.corrupt'))
})

test('after a failed sync nothing of the batch is there, numbers go back, and the next append works', async (t) => {
  const dir = await temporaryDirectory(t)
  let failing = false
  const disk: Disk = {
    ...realDisk,
    sync: async (fd) => {
      if (failing) throw Object.assign(new Error('disk full'), { code: 'ENOSPC' })
      await realDisk.sync(fd)
    },
  }
  const journal = await openJournal<Event>({ dir, disk, segmentBytes: 60 })
  await journal.append([{ n: 1 }])
  failing = true
  const outcomes = await Promise.allSettled([
    journal.append([{ n: 2 }]),
    journal.append([{ n: 3 }, { n: 4 }]),
    journal.append([{ n: 5 }]),
  ])
  for (const outcome of outcomes)
    assert.ok(outcome.status === 'rejected' && code('journal.unwritable')(outcome.reason))
  assert.equal(journal.lastSeq(), 1)
  failing = false
  assert.equal(await journal.append([{ n: 20 }]), 2)
  assert.equal(await journal.append([{ n: 30 }]), 3)
  assert.deepEqual(await collect(journal.read(1)), [
    [1, 1],
    [2, 20],
    [3, 30],
  ])
  await journal.close()
  const again = await openJournal<Event>({ dir })
  assert.deepEqual(await collect(again.read(1)), [
    [1, 1],
    [2, 20],
    [3, 30],
  ])
  await again.close()
})

test('a journal killed while it had created the next segment, still empty, goes on in it', async (t) => {
  const dir = await temporaryDirectory(t)
  const journal = await openJournal<Event>({ dir })
  await journal.append([{ n: 1 }, { n: 2 }])
  await journal.close()
  await appendFile(join(dir, 'journal-000000000003.ndjson'), '')
  const again = await openJournal<Event>({ dir })
  assert.equal(await again.append([{ n: 3 }]), 3)
  assert.deepEqual(await collect(again.read(1)), [
    [1, 1],
    [2, 2],
    [3, 3],
  ])
  await again.close()
  await rm(join(dir, 'journal-000000000001.ndjson'))
  const cut = await openJournal<Event>({ dir })
  await assert.rejects(collect(cut.read(1)), code('journal.corrupt'))
  await cut.close()
})

test('while its directory is away nothing is acknowledged; once it is back, it goes on', async (t) => {
  const root = await temporaryDirectory(t)
  const dir = join(root, 'state')
  const journal = await openJournal<Event>({ dir })
  await journal.append([{ n: 1 }])
  await rename(dir, join(root, 'elsewhere'))
  await assert.rejects(journal.append([{ n: 2 }]), code('journal.unwritable'))
  await mkdir(dir)
  await assert.rejects(journal.append([{ n: 2 }]), code('journal.unwritable'), 'an empty one is not it')
  await writeFile(join(dir, first), '')
  await assert.rejects(journal.append([{ n: 2 }]), code('journal.unwritable'), 'nor is an empty file')
  await rm(dir, { recursive: true })
  await rename(join(root, 'elsewhere'), dir)
  assert.equal(await journal.append([{ n: 3 }]), 2)
  await journal.close()
  const again = await openJournal<Event>({ dir })
  assert.deepEqual(await collect(again.read(1)), [
    [1, 1],
    [2, 3],
  ])
  await again.close()
})

test('events are given to the parser on their way in, and what it refuses is not passed on', async (t) => {
  const dir = await temporaryDirectory(t)
  const parse = (event: unknown): Event => {
    if (typeof event !== 'object' || event === null || !('n' in event) || typeof event.n !== 'number')
      throw new TypeError('not an event')
    return { n: event.n * 10 }
  }
  const journal = await openJournal<Event>({ dir, parse })
  await journal.append([{ n: 1 }])
  assert.deepEqual(await collect(journal.read(1)), [[1, 10]])
  await journal.append([{ n: 'x' } as unknown as Event])
  await assert.rejects(collect(journal.read(2)), TypeError)
  await journal.close()
})
