/** known_hosts as OpenSSH reads it; ssh-keygen is the judge where it is installed. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { hostKeysIn } from '../../wire/known-hosts.ts'

const key = (letter: string): string => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${letter.repeat(43)}`
const [a, b, c] = [key('A'), key('B'), key('C')]

const hashed = (name: string): string => {
  const salt = randomBytes(20)
  const hash = createHmac('sha1', salt).update(name).digest('base64')
  return `|1|${salt.toString('base64')}|${hash}`
}

test('a host is found by its name, an alias, a pattern, its hash or its port', () => {
  const file = [
    '# comment',
    `n01,n01.example ${a} root@n01`,
    `*.cluster.example,!bad.cluster.example ${b}`,
    `${hashed('secret.example')} ${c}`,
    `[n01]:2222 ${c}`,
    `  N02  ${a}`,
    'n03',
    'n03 ssh-ed25519',
  ].join('\n')
  const found = (host: string, port = 22) => hostKeysIn(file, host, port)
  assert.deepEqual(found('n01'), [a])
  assert.deepEqual(found('n01.example'), [a])
  assert.deepEqual(found('N01'), [a])
  assert.deepEqual(found('x.cluster.example'), [b])
  assert.deepEqual(found('bad.cluster.example'), [])
  assert.deepEqual(found('secret.example'), [c])
  assert.deepEqual(found('secret.example', 2222), [])
  assert.deepEqual(found('n01', 2222), [c])
  assert.deepEqual(found('n02'), [a])
  assert.deepEqual(found('n03'), [])
  assert.deepEqual(found('elsewhere'), [])
})

test('a key that is revoked is none, and an authority is no key', () => {
  const file = [
    `n01 ${a}`,
    `n01 ${b}`,
    `@revoked * ${b}`,
    `@cert-authority n01 ${c}`,
    `@other n01 ${c}`,
  ].join('\n')
  assert.deepEqual(hostKeysIn(file, 'n01', 22), [a])
})

test('a pattern that makes others slow is decided at once', () => {
  const host = 'a'.repeat(250)
  const file = `${'*a'.repeat(400)}b ${a}`
  const begun = process.cpuUsage()
  assert.deepEqual(hostKeysIn(file, host, 22), [])
  assert.ok(process.cpuUsage(begun).user < 2_000_000)
})

const skip = spawnSync('ssh-keygen', ['-?']).error === undefined ? false : 'needs ssh-keygen'

test('what it hashed itself is found, and it finds the same', { skip }, (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'known-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const file = join(dir, 'known_hosts')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, 'key')])
  const real = execFileSync('ssh-keygen', ['-y', '-f', join(dir, 'key')], { encoding: 'utf8' })
  const line = real.trim().split(' ').slice(0, 2).join(' ')
  const plain = `n01,n02 ${line}\n[n03]:2222 ${line}\nnode-?.x,!node-9.x ${line}\n`
  writeFileSync(file, plain)
  execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' })
  for (const text of [plain, execFileSync('cat', [file], { encoding: 'utf8' })]) {
    writeFileSync(file, text)
    for (const [host, port] of [
      ['n01', 22],
      ['n02', 22],
      ['n03', 22],
      ['n03', 2222],
      ['node-1.x', 22],
      ['node-9.x', 22],
      ['n0', 22],
    ] as const) {
      const name = port === 22 ? host : `[${host}]:${port}`
      const theirs = spawnSync('ssh-keygen', ['-F', name, '-f', file]).status === 0
      assert.equal(hostKeysIn(text, host, port).length > 0, theirs, name)
    }
  }
})
