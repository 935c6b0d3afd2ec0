/** Row 25: an account whose agent talks without end, to keep the hub busy with listening. */
import assert from 'node:assert/strict'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { callStatus } from '../../wire/agent-calls.ts'
import { createHeadReader, readLine } from '../../wire/head-reader.ts'
import { createLocalTransport } from '../../wire/local-transport.ts'

const flood = (line: string) => `
  process.stdout.write('seneschal-agent/1 ' + process.env.SSH_ORIGINAL_COMMAND.split(' ')[1] + '\\n')
  const lines = ${JSON.stringify(line)}.repeat(4000)
  const go = () => { while (process.stdout.write(lines)); process.stdout.once('drain', go) }
  go()`

test('an agent that tells of its progress for ever is given up, and nobody waited for it', async (t) => {
  const transport = createLocalTransport({
    command: [process.execPath, '-e', flood('{"progress":"x"}\n')],
    env: process.env,
  })
  t.after(transport.close)
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  let told = 0
  const call = callStatus(transport, {}, { timeout: 60_000, progress: () => (told += 1) })
  await assert.rejects(call, { code: 'agent.failed', message: /without end/ })
  delay.disable()
  assert.equal(told, 200)
  assert.ok(delay.max < 500e6, `${delay.max / 1e6} ms`)
})

test('an agent whose few lines of progress are long ones is given up too', async (t) => {
  const transport = createLocalTransport({
    command: [process.execPath, '-e', flood(`{"progress":"${'x'.repeat(60_000)}"}\n`).replace('4000', '10')],
    env: process.env,
  })
  t.after(transport.close)
  let told = 0
  const call = callStatus(transport, {}, { timeout: 60_000, progress: () => (told += 1) })
  await assert.rejects(call, { code: 'agent.failed', message: /without end/ })
  assert.equal(told, 1)
})

test('what a line costs does not grow with what came at the same time', async () => {
  const lines = 100_000
  const all = Buffer.from('{"progress":"x"}\n'.repeat(lines))
  const reader = createHeadReader(Readable.from([all], { objectMode: false }))
  const used = process.cpuUsage()
  for (let count = 0; count < lines; count += 1) assert.equal(await readLine(reader, 100), '{"progress":"x"}')
  const { user, system } = process.cpuUsage(used)
  // Copied anew for each line these are 85 GB.
  assert.ok(user + system < 10e6, `${(user + system) / 1e6} s`)
})
