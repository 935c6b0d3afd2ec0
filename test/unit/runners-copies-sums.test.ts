/** Sums of copies, files that are copied at the same time, and what an earlier version left half done. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLanes } from '../../runners/copies/lanes.ts'
import { createSum, kindOf, sumOf } from '../../runners/copies/sum.ts'
import { copyHere } from '../harness/copier.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

test('a sum in pieces is the sum of the whole, and a copy of it goes on by itself', () => {
  const data = Buffer.from('123456789')
  assert.equal(sumOf('crc32', data), 'crc32:cbf43926', 'the check value of CRC-32')
  assert.equal(sumOf('sha256', data), createHash('sha256').update(data).digest('hex'))
  for (const kind of ['crc32', 'sha256'] as const) {
    const sum = createSum(kind)
    sum.update(data.subarray(0, 4))
    const other = sum.copy()
    sum.update(data.subarray(4))
    assert.equal(sum.digest(), sumOf(kind, data))
    assert.equal(sum.digest(), sumOf(kind, data), 'asked twice')
    assert.equal(other.digest(), sumOf(kind, data.subarray(0, 4)))
    assert.equal(kindOf(sum.digest()), kind)
  }
  assert.equal(sumOf('crc32', Buffer.from([0])).length, 'crc32:'.length + 8, 'zeros in front are kept')
})

test('work in lanes: no more at once than there are, all of it ends, the first failure is told', async () => {
  let now = 0
  let peak = 0
  const order: number[] = []
  const work =
    (index: number, fails = false) =>
    async () => {
      now += 1
      peak = Math.max(peak, now)
      await new Promise((resolve) => setImmediate(resolve))
      now -= 1
      order.push(index)
      if (fails) throw new Error(`${index} failed`)
    }
  const good = createLanes(2)
  for (let index = 0; index < 9; index += 1) await good.run(work(index))
  await good.settle()
  assert.deepEqual([peak, order.length], [2, 9])
  const bad = createLanes(2)
  await bad.run(work(20, true))
  await bad.run(work(21))
  await assert.rejects(bad.settle(), /20 failed/)
  await assert.rejects(bad.run(work(22)), /20 failed/)
  assert.ok(order.includes(21) && !order.includes(22))
})

test('large files beside small ones arrive as they are, several at once', async (t) => {
  const root = await temporaryDirectory(t)
  await mkdir(join(root, 'tree/below'), { recursive: true })
  const files = new Map<string, Buffer>()
  for (let index = 0; index < 7; index += 1)
    files.set(index % 2 === 0 ? `large-${index}` : `below/large-${index}`, randomBytes(700_000 + index))
  files.set('small', randomBytes(10))
  files.set('empty', Buffer.alloc(0))
  for (const [name, content] of files) await writeFile(join(root, 'tree', name), content)
  const ended = await copyHere(root, 'tree', 'copy')
  assert.equal(ended.kind, 'copied', JSON.stringify(ended))
  for (const [name, content] of files)
    assert.deepEqual(await readFile(join(root, 'copy', name)), content, name)
  assert.equal((await stat(join(root, 'copy/below'))).isDirectory(), true)
  assert.deepEqual(await readdir(join(root, '.seneschal-copies')).catch(() => []), [])
})

test('told to verify, what was written is read once more and compared by SHA-256', async (t) => {
  const root = await temporaryDirectory(t)
  await writeFile(join(root, 'field'), randomBytes(900_000))
  const ended = await copyHere(root, 'field', 'copy', { verify: true })
  assert.equal(ended.kind, 'copied', JSON.stringify(ended))
  assert.deepEqual(await readFile(join(root, 'copy')), await readFile(join(root, 'field')))
})
