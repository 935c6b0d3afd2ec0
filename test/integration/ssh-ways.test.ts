/** Ways to a host that sites have: a key in an ssh-agent, a known_hosts file, a bastion. Real sshds, a real ssh-agent. */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createSpawner } from '../../spawners/registry.ts'
import { callVersion } from '../../wire/agent-calls.ts'
import { createSshGate } from '../../wire/ssh-gate.ts'
import { createSshJump } from '../../wire/ssh-jump.ts'
import { createSshTransport, type SshTransportOptions } from '../../wire/ssh-transport.ts'
import { type FarSide, installFarSide } from '../harness/far-side.ts'
import { askWhoAmI, spawnSettingsFor } from '../harness/road.ts'
import { canRunSshd, newKeyPair, type Sshd, startSshd } from '../harness/sshd.ts'
import { uniqueAccount } from '../harness/unix-accounts.ts'
import { until } from '../harness/until.ts'

const skip =
  (await canRunSshd()) && spawnSync('ssh-agent', ['-?']).error === undefined
    ? false
    : 'needs root, sshd and ssh-agent'
const [hubKey, jumpKey, otherKey] = [newKeyPair(), newKeyPair(), newKeyPair()]
const [clouds, keeper] = [uniqueAccount(), uniqueAccount()]

describe('ways to a host', { skip }, () => {
  let far: FarSide
  let bastionDir: string
  let sshd: Sshd
  let bastion: Sshd
  let agent: { readonly socket: string; readonly stop: () => Promise<void> }
  let file: (name: string) => string

  const startAgent = async (socket: string, keys: readonly string[]) => {
    const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
    const up = () =>
      new Promise<boolean>((resolve) => {
        const probe = connect(socket)
          .once('connect', () => resolve(true))
          .once('error', () => resolve(false))
        probe.once('connect', () => probe.destroy())
      })
    while (!(await up())) await new Promise((resolve) => setTimeout(resolve, 20))
    for (const key of keys)
      execFileSync('ssh-add', ['-q', key], {
        env: { ...process.env, SSH_AUTH_SOCK: socket },
        stdio: 'ignore',
      })
    return {
      socket,
      stop: async () => {
        child.kill()
        await once(child, 'exit')
      },
    }
  }

  before(async () => {
    far = await installFarSide()
    file = (name) => join(far.dir, name)
    sshd = await startSshd({
      dir: far.dir,
      // Three keys that nobody knows, and the connection is closed.
      config: ['MaxAuthTries 2'],
      accounts: [{ name: clouds, keys: [{ publicKey: hubKey.publicKey, command: far.command('hub') }] }],
    })
    bastionDir = await mkdtemp(join(tmpdir(), 'bastion-'))
    await chmod(bastionDir, 0o755)
    await mkdir(join(bastionDir, 'x'))
    bastion = await startSshd({
      dir: bastionDir,
      accounts: [
        {
          name: keeper,
          keys: [
            {
              publicKey: jumpKey.publicKey,
              command: '/usr/sbin/nologin',
              options: `restrict,port-forwarding,permitopen="127.0.0.1:${sshd.port}"`,
            },
          ],
        },
      ],
    })
    for (const [name, pair] of [
      ['hub', hubKey],
      ['jump', jumpKey],
      ['other', otherKey],
    ] as const)
      await writeFile(file(name), pair.privateKey, { mode: 0o600 })
    agent = await startAgent(file('agent.sock'), [file('other'), file('jump'), file('hub')])
  })
  after(async () => {
    await agent?.stop()
    await bastion?.stop()
    await sshd?.stop()
    if (bastionDir !== undefined) await rm(bastionDir, { recursive: true, force: true })
    await far?.remove()
  })

  const gate = () => createSshGate({ now: Date.now, random: Math.random })
  const ask = async (options: Partial<SshTransportOptions>): Promise<string> => {
    const transport = createSshTransport({
      host: '127.0.0.1',
      port: sshd.port,
      username: clouds,
      privateKey: hubKey.privateKey,
      hostKeys: [sshd.hostKey],
      gate: gate(),
      ...options,
    })
    try {
      return (await callVersion(transport, {})).version
    } finally {
      transport.close()
    }
  }

  test('one key of an ssh-agent is shown, the others are not', async () => {
    const key = { agent: agent.socket, publicKey: hubKey.publicKey }
    assert.match(await ask({ privateKey: key }), /^\d+\.\d+/)
    const unknown = { agent: agent.socket, publicKey: newKeyPair().publicKey }
    await assert.rejects(ask({ privateKey: unknown }), { code: 'ssh.auth-failed' })
    const known = (await sshd.log()).split('\n').filter((line) => /Failed publickey/.test(line))
    assert.deepEqual(known, [])
  })

  test('an ssh-agent that is not there is said to be the trouble', async () => {
    const key = { agent: file('nobody.sock'), publicKey: hubKey.publicKey }
    await assert.rejects(ask({ privateKey: key }), {
      code: 'config.invalid',
      message: /The ssh-agent: Failed to connect/,
    })
  })

  test('a known_hosts file is read for each connection, and its word is final', async () => {
    const knownHosts = file('known_hosts')
    const named = { knownHosts, name: 'n01' }
    await writeFile(knownHosts, `[n01]:${sshd.port} ${newKeyPair().publicKey}\n`)
    await assert.rejects(ask({ hostKeys: named }), { code: 'host.key-unknown' })
    await writeFile(knownHosts, `[n01]:${sshd.port} ${sshd.hostKey}\n`)
    assert.match(await ask({ hostKeys: named }), /^\d+\.\d+/)
    await writeFile(knownHosts, `[n01]:${sshd.port} ${sshd.hostKey}\n@revoked * ${sshd.hostKey}\n`)
    await assert.rejects(ask({ hostKeys: named }), { code: 'host.key-unknown' })
    await assert.rejects(ask({ hostKeys: { knownHosts, name: 'n02' } }), {
      code: 'host.key-unknown',
      message: /has no key of n02/,
    })
    await assert.rejects(ask({ hostKeys: { knownHosts: file('none'), name: 'n01' } }), {
      code: 'config.invalid',
    })
  })

  const jumpOver = (options: { readonly hostKey?: string; readonly key?: Buffer } = {}) =>
    createSshJump({
      host: '127.0.0.1',
      port: bastion.port,
      username: keeper,
      privateKey: options.key ?? jumpKey.privateKey,
      hostKeys: [options.hostKey ?? bastion.hostKey],
      gate: gate(),
    })

  test('a bastion is gone through, and only to what it allows', async () => {
    const jump = jumpOver()
    assert.match(await ask({ jump }), /^\d+\.\d+/)
    await assert.rejects(ask({ jump, port: bastion.port }), {
      code: 'host.unreachable',
      message: /The bastion .* has no way to/,
    })
    jump.close()
  })

  test('neither bastion nor host behind it is believed without its key', async () => {
    const jump = jumpOver()
    await assert.rejects(ask({ jump, hostKeys: [bastion.hostKey] }), { code: 'host.key-unknown' })
    jump.close()
    const wrong = jumpOver({ hostKey: sshd.hostKey })
    await assert.rejects(ask({ jump: wrong }), { code: 'host.key-unknown', message: /The bastion/ })
    wrong.close()
    const keyless = jumpOver({ key: otherKey.privateKey })
    await assert.rejects(ask({ jump: keyless }), { code: 'ssh.auth-failed', message: /The bastion/ })
    keyless.close()
  })

  test('a server is spawned through a bastion, and found again after the bastion lost all connections', async () => {
    const spawner = createSpawner(
      {
        kind: 'ssh',
        hosts: [
          { name: 'n01', address: '127.0.0.1', port: sshd.port, hostKeys: [sshd.hostKey], jump: 'door' },
        ],
        keyAgent: { socket: agent.socket, publicKey: hubKey.publicKey },
        jumps: {
          door: {
            address: '127.0.0.1',
            port: bastion.port,
            username: keeper,
            keyFile: file('jump'),
            hostKeys: [bastion.hostKey],
          },
        },
      },
      { now: Date.now, random: Math.random, env: process.env, entry: '', warn: () => undefined },
    )
    const lost: string[] = []
    spawner.onLost?.((instance) => lost.push(instance))
    const settings = spawnSettingsFor(clouds)
    const handle = await spawner.start(clouds, settings, () => undefined, new AbortController().signal)
    assert.equal((await askWhoAmI(() => spawner.dial(handle))).uid, sshd.uid(clouds))
    await bastion.dropConnections()
    await until(() => lost.length > 0)
    assert.equal((await spawner.poll(handle)).state, 'running')
    assert.equal((await askWhoAmI(() => spawner.dial(handle))).instance, handle.instance)
    await spawner.stop(handle)
    await spawner.close()
  })
})
