import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readSettled } from '../../durable/read-settled.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

test('a file that is still being written is read when it rests', async (t) => {
  const path = join(await temporaryDirectory(t), 'site.yaml')
  writeFileSync(path, 'a')
  const writing = setInterval(() => appendFileSync(path, 'b'), 20)
  t.after(() => clearInterval(writing))
  const read = readSettled(path, { now: Date.now, maxBytes: 1000 })
  setTimeout(() => {
    clearInterval(writing)
    appendFileSync(path, 'end')
  }, 300)
  assert.match(await read, /^ab+end$/)
})

test('how long a file rested is judged by the clock that is given', async (t) => {
  const path = join(await temporaryDirectory(t), 'site.yaml')
  writeFileSync(path, 'a')
  utimesSync(path, 1, 1)
  const hour = 3_600_000
  const begun = performance.now()
  assert.equal(await readSettled(path, { now: () => Date.now() + hour, maxBytes: 10 }), 'a')
  const atOnce = performance.now() - begun
  assert.equal(await readSettled(path, { now: () => Date.now() - hour, maxBytes: 10 }), 'a')
  assert.ok(performance.now() - begun - atOnce >= 200)
})

test('neither a FIFO, nor a directory, nor what is too large is read', async (t) => {
  const dir = await temporaryDirectory(t)
  const rules = { now: () => Date.now() + 10_000, maxBytes: 10 }
  const fifo = join(dir, 'fifo')
  execFileSync('mkfifo', [fifo])
  await assert.rejects(readSettled(fifo, rules), { code: 'config.invalid', message: /is not a regular file/ })
  await assert.rejects(readSettled(dir, rules), { code: 'config.invalid' })
  const large = join(dir, 'large')
  writeFileSync(large, 'x'.repeat(11))
  await assert.rejects(readSettled(large, rules), { code: 'input.too-large' })
  await assert.rejects(readSettled(join(dir, 'absent'), rules), { code: 'ENOENT' })
})
