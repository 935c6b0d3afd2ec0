/** Servers as jobs of Slurm: options that fit each other, what is said to Slurm, and what is made of what it says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spawnerConfig } from '../../spawners/registry.ts'
import { parseQueue, submitArguments } from '../../uiserver/agent/slurm.ts'

const hostKeys = ['ssh-ed25519 AAAA']
const good = {
  kind: 'slurm',
  submit: [{ name: 'login1', hostKeys }],
  nodes: { names: ['node*'], hostKeys },
  keyFile: '/k',
}

const complaints = (value: unknown): readonly string[] => {
  const parsed = spawnerConfig.safeParse(value)
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

test('whole sets of options are taken', () => {
  assert.deepEqual(complaints(good), [])
  const { hostKeys: _, ...nodes } = good.nodes
  assert.deepEqual(complaints({ ...good, submit: [{ name: 'login1' }], nodes, knownHosts: '/h' }), [])
  const batch = { partition: 'long', charge: 'climate', minutes: 720, cpus: 2, memory: 2048 }
  assert.deepEqual(complaints({ ...good, cluster: 'ridge', batch }), [])
})

test('what is missing, too much or leads nowhere is said at its place', () => {
  const table: readonly (readonly [unknown, RegExp])[] = [
    [{ ...good, keyFile: undefined }, /^keyFile: either keyFile or keyAgent/],
    [{ ...good, submit: [] }, /^submit: /],
    [{ ...good, submit: [{ name: 'login1' }] }, /^submit\.0\.hostKeys: hostKeys are needed/],
    [{ ...good, submit: [...good.submit, ...good.submit] }, /^submit\.1\.name: login1 stands here twice/],
    [{ ...good, nodes: { names: ['n*'] } }, /^nodes\.hostKeys: hostKeys are needed/],
    [{ ...good, nodes: { ...good.nodes, names: [] } }, /^nodes\.names: /],
    [{ ...good, nodes: { ...good.nodes, names: ['n[1-4]'] } }, /^nodes\.names\.0: /],
    [{ ...good, nodes: { ...good.nodes, jump: 'door' } }, /^nodes\.jump: door is none of jumps/],
    [{ ...good, batch: { partition: '--wrap=id' } }, /^batch\.partition: /],
    [{ ...good, batch: { constraint: 'a&b' } }, /^batch\.constraint: /],
    [{ ...good, batch: { minutes: 0 } }, /^batch\.minutes: /],
    [{ ...good, batch: { wrap: 'id' } }, /^batch: /],
    [{ ...good, hosts: [] }, /^: /],
  ]
  for (const [value, pattern] of table) {
    const found = complaints(value)
    assert.equal(found.length, 1, JSON.stringify(value))
    assert.match(found[0] ?? '', pattern)
  }
})

const instance = 'ab'.repeat(16)

test('a job asks for what the configuration says, in words of Slurm’s own', () => {
  const said = submitArguments({
    instance,
    log: '/home/100%/log',
    resources: { partition: 'long', charge: 'climate', qos: 'low', minutes: 90, cpus: 2, memory: 512 },
  })
  for (const word of ['--partition=long', '--account=climate', '--qos=low', '--time=90', '--mem=512M'])
    assert.ok(said.includes(word), word)
  assert.ok(said.includes('--output=/home/100%%/log'))
  assert.ok(said.includes('--export=NIL'))
  assert.ok(said.every((word) => word.startsWith('--')))
  const refused = () => submitArguments({ instance, log: '/home/a\\b', resources: {} })
  assert.throws(refused, { code: 'agent.failed' })
})

test('the queue is read line by line, and only what is ours counts', () => {
  const line = (job: number, state: string, node: string, why: string, name: string) =>
    `${job}|${state}|${node}|${name}|${why}`
  const ours = (tail: string) => `seneschal-ui-${tail.repeat(32)}`
  const text = [
    line(1, 'PENDING', 'n/a', 'Resources', ours('1')),
    line(2, 'RUNNING', 'node7', 'None', ours('2')),
    line(3, 'COMPLETING', 'node7', 'None', ours('3')),
    line(4, 'TIMEOUT', 'node7', 'TimeLimit', ours('4')),
    line(5, 'SUSPENDED', 'node8', 'None', ours('5')),
    line(6, 'REQUEUE_HOLD', 'n/a', 'job|requeued', ours('6')),
    line(7, 'CONFIGURING', 'node9', 'None', ours('7')),
    line(8, 'RUNNING', 'node7', 'None', 'seneschal-ui-of-somebody'),
    line(9, 'RUNNING', 'node7', 'None', `x|${ours('9')}`),
    line(10, 'PENDING', 'n/a', 'None', `${ours('a')}0`),
    'slurm_load_jobs error: something',
    '',
  ].join('\n')
  assert.deepEqual(
    parseQueue(text).map(({ job, state, node }) => [job, state, node]),
    [
      ['1', 'waiting', ''],
      ['2', 'running', 'node7'],
      ['3', 'ending', 'node7'],
      ['5', 'running', 'node8'],
      ['6', 'waiting', ''],
      ['7', 'waiting', ''],
    ],
  )
})
