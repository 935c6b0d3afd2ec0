import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { callStart } from '../../wire/agent-calls.ts'
import { createLocalTransport } from '../../wire/local-transport.ts'
import { spawnSettingsFor } from '../harness/road.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

test('an agent whose pipes broke by themselves, and which hangs, is ended all the same', async (t) => {
  const hangs = `
    process.stdout.write('seneschal-agent/1 ' + process.env.SSH_ORIGINAL_COMMAND.split(' ')[1] + '\\n', () => {
      require('node:fs').closeSync(0)
      setInterval(() => undefined, 1000)
    })`
  const transport = createLocalTransport({
    command: [process.execPath, '-e', hangs],
    env: process.env,
    grace: 100,
  })
  t.after(transport.close)
  const channel = await transport.exec('status')
  await until(() => {
    if (!channel.stream.destroyed) channel.stream.write('x')
    return channel.stream.destroyed
  })
  channel.kill()
  assert.deepEqual(await channel.exit, { code: null, signal: 'SIGKILL' })
})

test('an agent that cannot launch anything says why', async (t) => {
  const home = await temporaryDirectory(t)
  const module = join(import.meta.dirname, '../../uiserver/agent/run-agent.ts')
  const agent = `
    process.execPath = '/no/such/node'
    const { runAgent } = await import(${JSON.stringify(module)})
    const { stdin, stdout, stderr, env } = process
    const originalCommand = env.SSH_ORIGINAL_COMMAND
    await runAgent({ role: 'hub', originalCommand, stdin, stdout, stderr, env, entry: '/no/such/entry' })`
  const transport = createLocalTransport({
    command: [process.execPath, '--input-type=module', '-e', agent],
    env: { ...process.env, HOME: home },
  })
  t.after(transport.close)
  await assert.rejects(callStart(transport, { ...spawnSettingsFor('clouds'), host: 'here' }), {
    code: 'agent.failed',
    message: /failed\. spawn \/no\/such\/node ENOENT$/,
  })
})
