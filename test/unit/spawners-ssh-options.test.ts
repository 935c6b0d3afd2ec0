/** Options of the ssh spawner that fit each other. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spawnerConfig } from '../../spawners/registry.ts'

const host = { name: 'n01', hostKeys: ['ssh-ed25519 AAAA'] }
const good = { kind: 'ssh', hosts: [host], keyFile: '/k' }
const door = { address: 'door', username: 'jump', keyFile: '/j', hostKeys: ['ssh-ed25519 AAAA'] }
const agent = { socket: '/run/agent', publicKey: 'ssh-ed25519 AAAA' }

const complaints = (value: unknown): readonly string[] => {
  const parsed = spawnerConfig.safeParse(value)
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

test('whole sets of options are taken', () => {
  assert.deepEqual(complaints(good), [])
  assert.deepEqual(
    complaints({ kind: 'ssh', hosts: [{ name: 'n01' }], keyAgent: agent, knownHosts: '/h' }),
    [],
  )
  assert.deepEqual(complaints({ ...good, hosts: [{ ...host, jump: 'door' }], jumps: { door } }), [])
})

test('what is missing, too much or leads nowhere is said at its place', () => {
  const table: readonly (readonly [unknown, RegExp])[] = [
    [{ ...good, keyFile: undefined }, /^keyFile: either keyFile or keyAgent/],
    [{ ...good, keyAgent: agent }, /^keyFile: either keyFile or keyAgent/],
    [{ ...good, hosts: [{ name: 'n01' }] }, /^hosts\.0\.hostKeys: hostKeys are needed/],
    [{ ...good, hosts: [host, host] }, /^hosts\.1\.name: n01 stands here twice/],
    [{ ...good, hosts: [{ ...host, jump: 'door' }] }, /^hosts\.0\.jump: door is none of jumps/],
    [{ ...good, hosts: [{ ...host, jump: 'constructor' }] }, /^hosts\.0\.jump: constructor is none/],
    [{ ...good, jumps: { door: { ...door, keyFile: undefined } } }, /^jumps\.door\.keyFile: either/],
    [{ ...good, jumps: { door: { ...door, hostKeys: undefined } } }, /^jumps\.door\.hostKeys: hostKeys are/],
    [{ ...good, jumps: { door: { ...door, username: '-oProxyCommand=x' } } }, /^jumps\.door\.username/],
    [{ ...good, jumps: { '-x': door } }, /^jumps/],
    [{ ...good, hosts: [{ ...host, labels: ['a b'] }] }, /^hosts\.0\.labels\.0/],
    [{ ...good, placement: { order: 'load1' } }, /^placement/],
    [{ ...good, placement: { rank: 'loda1' } }, /^placement\.rank: column 1: .*loda1/],
  ]
  for (const [value, pattern] of table) {
    const found = complaints(value)
    assert.equal(found.length, 1, JSON.stringify(value))
    assert.match(found[0] ?? '', pattern)
  }
})
