/** Threat 19: names and commands that a shell or an option parser would take for something else. */
import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { type AgentRole, parseAgentCommand } from '../../protocol/agent-line.ts'
import { accountPattern } from '../../protocol/ids.ts'
import { createAgentSpawner } from '../../spawners/agent-spawner.ts'
import { runAgent } from '../../uiserver/agent/run-agent.ts'
import { spawnSettingsFor } from '../harness/road.ts'

const barbs = [
  '-oProxyCommand=id',
  '$(id)',
  '`id`',
  ';id',
  '\nid',
  '|id',
  '&&id',
  '../',
  '\0',
  '\u202e',
  ' ',
  '\\',
  '"',
]
const fuzzed = (seed: string): string => {
  const barb = barbs[randomInt(barbs.length)] ?? '-'
  const at = randomInt(seed.length + 1)
  return seed.slice(0, at) + barb + seed.slice(at)
}

test('10,000 fuzzed account names reach no transport', async () => {
  const reached: string[] = []
  const spawner = createAgentSpawner(
    {
      hosts: [{ name: 'here' }],
      transport: (_, account) => {
        reached.push(account)
        throw new Error('reached')
      },
    },
    { now: Date.now, warn: () => undefined },
  )
  const never = new AbortController().signal
  for (let count = 0; count < 10_000; count += 1) {
    const name = fuzzed('oceans_stage')
    if (accountPattern.test(name)) continue
    await assert.rejects(
      spawner.start(name, spawnSettingsFor('oceans_stage'), () => undefined, never),
      { code: 'account.unknown' },
      JSON.stringify(name),
    )
  }
  assert.deepEqual(reached, [])
})

test('10,000 fuzzed commands are not commands of the agent', () => {
  const nonce = randomBytes(16).toString('hex')
  for (let count = 0; count < 10_000; count += 1) {
    const command = fuzzed(`status ${nonce}`)
    assert.equal(parseAgentCommand('hub', command), undefined, JSON.stringify(command))
  }
  assert.equal(parseAgentCommand('hub', `status ${nonce}`)?.verb, 'status')
})

const ask = async (role: AgentRole, originalCommand: string | undefined) => {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const said = text(stdout)
  const entry = '/no/such/entry'
  const code = await runAgent({ role, originalCommand, stdin, stdout, stderr, env: {}, entry })
  stderr.end()
  return { code, said: await said, log: await text(stderr) }
}

for (const command of [
  undefined,
  '',
  'id',
  'status',
  '-c id',
  `start;id ${'a'.repeat(32)}`,
  `status ${'A'.repeat(32)}`,
])
  test(`the agent refuses ${JSON.stringify(command)} and leaves one line about it`, async () => {
    const { code, said, log } = await ask('hub', command)
    assert.equal(code, 77)
    assert.equal(JSON.parse(said).error.code, 'agent.refused')
    assert.equal(log.trimEnd().split('\n').length, 1)
  })

test('a refused command cannot forge a second log line', async () => {
  const { log } = await ask('hub', 'id\nseneschal agent: all is well\u2028\u001b[2J')
  assert.equal(log.trimEnd().split(/[\n\u2028]/).length, 1)
  assert.equal(log.includes('\u001b'), false)
})
