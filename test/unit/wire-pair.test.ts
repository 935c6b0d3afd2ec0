import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough, type Readable } from 'node:stream'
import { test } from 'node:test'
import { pairStreams } from '../../wire/pair.ts'

const all = async (stream: Readable): Promise<string> => {
  let text = ''
  for await (const part of stream) text += part
  return text
}

test('what is written reaches one pipe, what is read comes from the other', async () => {
  const child = spawn('cat', { stdio: ['pipe', 'pipe', 'ignore'] })
  const pair = pairStreams(child.stdout, child.stdin)
  pair.end('there and back')
  assert.equal(await all(pair), 'there and back')
})

test('the end of one direction leaves the other open', async () => {
  const child = spawn('/bin/sh', ['-c', 'exec 1>&-; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const pair = pairStreams(child.stdout, child.stdin)
  await once(pair.resume(), 'end')
  assert.equal(pair.writable, true)
  const exit = once(child, 'exit')
  pair.end('late')
  assert.deepEqual(await exit, [0, null])
})

test('writing to a child that has gone closes the pair and throws nothing at anybody', async () => {
  const child = spawn('true', { stdio: ['pipe', 'pipe', 'ignore'] })
  const pair = pairStreams(child.stdout, child.stdin)
  const closed = new Promise((resolve) => pair.once('close', resolve))
  await once(child, 'exit')
  const writing = setInterval(() => pair.writable && pair.write(Buffer.alloc(100_000)), 1)
  await closed
  clearInterval(writing)
  assert.equal(pair.errored, null)
})

test('what a child said before it stopped reading is heard, then the pair closes', async () => {
  const child = spawn('/bin/sh', ['-c', 'exec 0<&-; sleep 0.1; echo no'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const pair = pairStreams(child.stdout, child.stdin)
  const closed = once(pair, 'close')
  const writing = setInterval(() => pair.writable && pair.write(Buffer.alloc(100_000)), 1)
  assert.equal(await all(pair), 'no\n')
  await closed
  clearInterval(writing)
})

test('a reader that pauses holds the writer back', async () => {
  const source = new PassThrough()
  const pair = pairStreams(source, new PassThrough())
  let written = 0
  while (written < 10_000_000 && source.write(Buffer.alloc(65_536))) {
    written += 65_536
    await new Promise(setImmediate)
  }
  assert.ok(written < 1_000_000, `${written} bytes taken by nobody`)
  pair.destroy()
})
