/** Threat 19: names and commands that a shell or an option parser would take for something else. */
import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { daemonConfig } from '../../daemon/config.ts'
import { type AgentRole, parseAgentCommand } from '../../protocol/agent-line.ts'
import {
  accountName,
  accountPattern,
  cyclePoint,
  personName,
  requestId,
  taskName,
  workflowName,
} from '../../protocol/ids.ts'
import { jobEventFile, jobsRequest } from '../../protocol/jobs.ts'
import { createBackground } from '../../runners/background.ts'
import { prepareJob } from '../../runners/prepare.ts'
import { messageScript, wrapperScript } from '../../runners/wrapper.ts'
import { createAgentSpawner } from '../../spawners/agent-spawner.ts'
import { nodeMatcher, slurmOptions } from '../../spawners/slurm.ts'
import { sshOptions } from '../../spawners/ssh.ts'
import { runAgent } from '../../uiserver/agent/run-agent.ts'
import { createLocalTransport } from '../../wire/local-transport.ts'
import { spawnSettingsFor } from '../harness/road.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const barbs = [
  '-',
  '--',
  '-rf',
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
    { now: Date.now, warn: () => undefined, random: Math.random },
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
  const record = async () => []
  const code = await runAgent({ role, originalCommand, stdin, stdout, stderr, env: {}, entry, record })
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

const fileOf = (name: string) => `/etc/seneschal/${name}`
const sshHost = (name: string) => ({ name, hostKeys: ['ssh-ed25519 AAAA'] })
const slurmWith = (batch: object) => ({
  ...{ submit: [sshHost('login1')], nodes: { names: ['n*'], hostKeys: ['ssh-ed25519 AAAA'] } },
  ...{ keyFile: fileOf('key'), batch },
})
const daemonHost = (host: string) => ({
  site: 'test',
  ...Object.fromEntries(['root', 'definitions', 'siteFile', 'hubKeys'].map((key) => [key, fileOf(key)])),
  issuer: 'https://hub.test',
  accounts: {
    clouds: { transport: { kind: 'ssh', host, keyFile: fileOf('key'), hostKeys: ['ssh-ed25519 AAAA'] } },
  },
})
const jobOf = (job: object) => ({
  id: 1,
  epoch: 1,
  op: 'kill',
  job: { workflow: 'clouds', cycle: '1', task: 'climb', submit: 1, ...job },
})

/** Each place where a name comes in, with a name that is right there. */
const doors: Readonly<Record<string, readonly [string, (name: string) => boolean]>> = {
  account: ['oceans_stage', (name) => accountName.safeParse(name).success],
  workflow: ['clouds', (name) => workflowName.safeParse(name).success],
  task: ['climb', (name) => taskName.safeParse(name).success],
  cycle: ['20261122T0600Z', (name) => cyclePoint.safeParse(name).success],
  person: ['jacintar', (name) => personName.safeParse(name).success],
  request: ['0190b6a8-0000-7000-8000-000000000000', (name) => requestId.safeParse(name).success],
  'workflow of a job': ['clouds', (workflow) => jobsRequest.safeParse(jobOf({ workflow })).success],
  'task of a job': ['climb', (task) => jobsRequest.safeParse(jobOf({ task })).success],
  'cycle of a job': ['20261122T0600Z', (cycle) => jobsRequest.safeParse(jobOf({ cycle })).success],
  'host of the hub': [
    'login1.example',
    (name) => sshOptions.safeParse({ hosts: [sshHost(name)], keyFile: fileOf('key') }).success,
  ],
  'node of a job': ['node7.example', nodeMatcher(['node*.example', '*', '*.*'])],
  'partition of a job': ['long', (partition) => slurmOptions.safeParse(slurmWith({ partition })).success],
  'account that pays for a job': [
    'climate',
    (charge) => slurmOptions.safeParse(slurmWith({ charge })).success,
  ],
  'host of the daemon': ['login1.example', (name) => daemonConfig.safeParse(daemonHost(name)).success],
}

for (const [door, [right, accepts]] of Object.entries(doors))
  test(`10,000 fuzzed names at the door for the ${door}: none is an option, a path or a command`, () => {
    assert.ok(accepts(right))
    for (let count = 0; count < 10_000; count += 1) {
      const name = fuzzed(right)
      if (accepts(name)) assert.match(name, /^[A-Za-z0-9_][A-Za-z0-9_.@:-]*$/, JSON.stringify(name))
      assert.equal(accepts(`-${name}`), false, JSON.stringify(name))
    }
  })

test('the agent is run with the arguments that stand in the configuration, and with nothing of the call', async (t) => {
  const dir = await temporaryDirectory(t)
  const program = join(dir, 'agent')
  await writeFile(program, `#!/bin/sh\nprintf '%s\\0' "$@" >${dir}/argv\n`, { mode: 0o755 })
  const fixed = ['agent', '$(id)', '-x;id']
  const transport = createLocalTransport({ command: [program, ...fixed], env: {} })
  await assert.rejects(transport.exec('status'), { code: 'agent.missing' })
  transport.close()
  assert.deepEqual((await readFile(join(dir, 'argv'), 'utf8')).split('\0'), [...fixed, ''])
})

test('what a job is given goes through the wrapper as it is: nothing of it is run or taken for an option', async (t) => {
  const root = await temporaryDirectory(t)
  const [events, helpers, wrapper] = ['events', 'helpers', 'wrapper'].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ]
  for (const directory of [events, helpers]) await mkdir(directory)
  await writeFile(wrapper, wrapperScript, { mode: 0o755 })
  await writeFile(join(helpers, 'seneschal-message'), messageScript, { mode: 0o755 })
  const marker = join(root, 'ran')
  const values = [
    ...[`$(touch ${marker})`, `\`touch ${marker}\``, `'; touch ${marker} #`, `"; touch ${marker} #`],
    ...['-n', '--', '-e', '%s%n', '\\', '*', '~', '\n{"v":1}\u2028', ' ', ''],
  ]
  const names = values.map((_, index) => `VALUE_${index}`)
  const now = Date.now
  const runner = createBackground({ now, graceMs: 500, boot: 'boot', events, warn: () => undefined })
  const prepared = await prepareJob(
    {
      account: 'oceans_stage',
      root: join(root, 'run'),
      events,
      wrapper,
      helpers,
      graceMs: 500,
      base: { PATH: '/usr/bin:/bin' },
      boot: 'boot',
      now,
    },
    {
      job: { workflow: '_-c', cycle: '1', task: '_--help', submit: 1 },
      attempt: 1,
      runner: 'background',
      script: [
        `printf '%s\\0' ${names.map((name) => `"$${name}"`).join(' ')} >got`,
        ...names.map((name) => `seneschal-message "$${name}" || exit 9`),
      ].join('\n'),
      environment: Object.fromEntries(values.map((value, index) => [`VALUE_${index}`, value])),
      path: [],
    },
  )
  await runner.submit(prepared)
  const ended = () => readFile(join(prepared.directory, '.ended'), 'utf8').catch(() => '')
  await until(async () => (await ended()) !== '')
  assert.match(await ended(), /^succeeded 0 /)
  runner.close()
  assert.deepEqual((await readFile(join(prepared.workDirectory, 'got'), 'utf8')).split('\0'), [...values, ''])
  await assert.rejects(access(marker), { code: 'ENOENT' })
  const eventFiles = async () => (await readdir(events)).filter((name) => !name.startsWith('.'))
  // The last event is told after the end is on disk.
  await until(async () => (await eventFiles()).length >= values.length + 2)
  const files = await eventFiles()
  assert.equal(files.length, values.length + 2)
  for (const name of files) {
    const text = await readFile(join(events, name), 'utf8')
    assert.equal(text.trimEnd().split('\n').length, 1)
    assert.equal(jobEventFile.parse(JSON.parse(text)).task, '_--help')
  }
})
