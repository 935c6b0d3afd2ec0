import assert from 'node:assert/strict'
import { Duplex, PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { formatPreamble } from '../../protocol/agent-line.ts'
import { openChannel, presentOutput } from '../../wire/channel.ts'
import { createHeadReader, readLine } from '../../wire/head-reader.ts'
import type { Exit } from '../../wire/transport.ts'

const nonce = '0123456789abcdef0123456789abcdef'

/** A far side that says these pieces, one read each, and ends with this exit unless it stays. */
const open = (
  t: TestContext,
  pieces: readonly (string | Buffer)[],
  { exit, stderr = '', timeout = 1000 }: { exit?: Exit; stderr?: string; timeout?: number } = {},
) => {
  const queue = [...pieces]
  const stream = new Duplex({
    read() {
      const piece = queue.shift()
      if (piece !== undefined) setImmediate(() => this.push(piece))
      else if (exit !== undefined) this.push(null)
    },
    write: (_chunk, _encoding, done) => done(),
  })
  const errors = new PassThrough()
  errors.end(stderr)
  let killed = 0
  const kill = () => {
    killed += 1
    stream.destroy()
  }
  t.after(() => stream.destroy())
  const exited = exit === undefined ? new Promise<Exit>(() => undefined) : Promise.resolve(exit)
  const channel = openChannel({ stream, stderr: errors, exit: exited, kill, lost: () => undefined }, nonce, {
    timeout,
  })
  return { channel, killed: () => killed }
}

test('a channel begins right after the preamble', async (t) => {
  const { channel } = open(t, [`${formatPreamble(nonce)}first\nsecond\n`])
  const { stream, noise } = await channel
  assert.equal(noise, '')
  const reader = createHeadReader(stream)
  assert.equal(await readLine(reader, 100), 'first')
  assert.equal(await readLine(reader, 100), 'second')
})

test('what a login script printed is dropped and kept, whatever its form', async (t) => {
  const preamble = formatPreamble(nonce)
  const noises = [
    'Welcome\n',
    'no newline',
    `ran: status ${nonce}\n`,
    `seneschal-agent/1 ${'f'.repeat(32)}\n`,
    'é\n',
  ]
  for (const said of noises) {
    const { channel } = open(t, [said, preamble, 'rest\n'])
    const { stream, noise } = await channel
    assert.equal(noise, said)
    assert.equal(await readLine(createHeadReader(stream), 100), 'rest')
  }
})

test('a preamble that arrives byte by byte is found', async (t) => {
  const { channel } = open(t, [...`noise${formatPreamble(nonce)}rest\n`])
  const { stream, noise } = await channel
  assert.equal(noise, 'noise')
  assert.equal(await readLine(createHeadReader(stream), 100), 'rest')
})

test('64 KiB of noise are survived, more are not', async (t) => {
  const preamble = formatPreamble(nonce)
  const most = 65_536 - preamble.length
  const { channel } = open(t, [Buffer.alloc(most, 'x'), preamble])
  assert.equal((await channel).noise.length, most)
  const over = open(t, [Buffer.alloc(65_537, 'x'), preamble])
  await assert.rejects(over.channel, { code: 'agent.missing', message: /64 KiB/ })
  assert.equal(over.killed(), 1)
})

test('an agent of another protocol is told apart from none', async (t) => {
  const { channel, killed } = open(t, [formatPreamble(nonce, 2)])
  await assert.rejects(channel, { code: 'agent.version', message: /2, not 1/ })
  assert.equal(killed(), 1)
})

test('a host without agent is reported with its code and words', async (t) => {
  const exit = { code: 127, signal: null }
  const { channel } = open(t, ['Welcome\n'], { exit, stderr: 'sh: seneschal: not found\n' })
  await assert.rejects(channel, { code: 'agent.missing', message: /code 127.*Welcome.*not found/ })
})

test('an agent that says nothing is given up', async (t) => {
  const { channel, killed } = open(t, ['Welcome\n'], { timeout: 30 })
  await assert.rejects(channel, { code: 'agent.missing', message: /within 0.03 s.*Welcome/ })
  assert.equal(killed(), 1)
})

test('foreign output is shown as one harmless line', () => {
  assert.equal(presentOutput('a\u001b[31m\nb\u2028c\u202ed\0'), 'a [31m b c d')
  assert.equal(presentOutput('x'.repeat(600)).length, 501)
})

test('a line longer than its limit, or never ended, is not a line', async () => {
  const long = new PassThrough()
  long.write('x'.repeat(20))
  assert.equal(await readLine(createHeadReader(long), 10), undefined)
  const cut = new PassThrough()
  cut.end('half')
  assert.equal(await readLine(createHeadReader(cut), 10), undefined)
})

test('what follows the marker stays in the stream, byte for byte', async () => {
  const stream = new PassThrough()
  stream.write(Buffer.from([1, 2, 3, 0, 255, 128, 7]))
  const reader = createHeadReader(stream)
  const head = await reader.until(Buffer.from([3]), 100)
  assert.deepEqual(head, { found: true, bytes: Buffer.from([1, 2, 3]) })
  reader.leave()
  assert.deepEqual(stream.read(), Buffer.from([0, 255, 128, 7]))
})

test('a reader gives each piece once, however the bytes come, and leaves the rest', async () => {
  const lines = Array.from({ length: 60 }, (_, index) => 'é'.repeat((index * 37) % 900) + index)
  const bytes = Buffer.from(`${lines.join('\n')}\nrest`)
  for (const size of [1, 7, 1024, 16_384, bytes.length]) {
    const stream = Readable.from(
      (function* () {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
      })(),
      { objectMode: false },
    )
    const reader = createHeadReader(stream)
    const read: unknown[] = []
    for (const _ of lines) read.push(await readLine(reader, 4096))
    assert.deepEqual(read, lines)
    reader.leave()
    assert.equal(await text(stream), 'rest')
  }
})

test('who gives up a read may read the same bytes later', async () => {
  const stream = new PassThrough()
  stream.write('hal')
  const reader = createHeadReader(stream)
  const late = new AbortController()
  const reading = readLine(reader, 100, late.signal)
  late.abort(new Error('late'))
  await assert.rejects(reading, /late/)
  stream.write('f\n')
  assert.equal(await readLine(reader, 100), 'half')
})
