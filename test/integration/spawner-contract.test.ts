/** The spawner contract, trial by trial, on real processes: our own spawners, and one that a site wrote. */
import assert from 'node:assert/strict'
import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import type { Spawner, SpawnerDeps } from '../../spawners/contract.ts'
import { checkSpawner, type Finding } from '../../spawners/contract-kit.ts'
import { loadSpawnerModule } from '../../spawners/load-module.ts'
import { createSpawner, openSpawner } from '../../spawners/registry.ts'
import { type FarSide, installFarSide } from '../harness/far-side.ts'
import { canRunSshd, newKeyPair, type Sshd, startSshd } from '../harness/sshd.ts'
import { uniqueAccount } from '../harness/unix-accounts.ts'

const entry = join(import.meta.dirname, '..', 'harness', 'agent-entry.ts')
const example = join(import.meta.dirname, '..', '..', 'docs', 'examples', 'openssh-spawner.ts')
const told: string[] = []
const deps: SpawnerDeps = {
  now: Date.now,
  random: Math.random,
  env: process.env,
  entry,
  warn: (message) => told.push(message),
}
const site = { inbox: '/site/inbox', temp: '/site/temp', feed: '/site/feed' }

/** All that failed; a trial that was left out would be none. */
const failures = async (open: () => Promise<Spawner>, account: string): Promise<readonly Finding[]> => {
  const findings: Finding[] = []
  await checkSpawner({ open, account, site }, (finding) => findings.push(finding))
  assert.equal(findings.length, 9)
  return findings.filter(({ ok }) => !ok)
}

const roomOf = async (t: TestContext): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), 'spawner-'))
  t.after(() => rm(dir, { recursive: true }))
  return dir
}

test('the local spawner keeps the contract', async (t) => {
  const runDirRoot = await roomOf(t)
  assert.deepEqual(
    await failures(async () => createSpawner({ kind: 'local', runDirRoot }, deps), 'clouds'),
    [],
  )
})

test('a spawner that keeps none of its promises fails each trial that is about them', async () => {
  const liar: Spawner = {
    start: async (_account, { instance }) => ({ instance }),
    poll: async () => ({ state: 'running', version: '0', startedAt: 0 }),
    stop: async () => undefined,
    dial: async () => {
      throw new Error('no way')
    },
    close: async () => undefined,
  }
  assert.equal((await failures(async () => liar, 'clouds')).length, 9)
})

const skip = (await canRunSshd()) ? false : 'needs root and sshd'

describe('over sshd', { skip }, () => {
  const account = uniqueAccount()
  const key = newKeyPair()
  let far: FarSide
  let sshd: Sshd
  let keyFile: string
  let configFile: string
  let path: string

  before(async () => {
    far = await installFarSide()
    sshd = await startSshd({
      dir: far.dir,
      accounts: [{ name: account, keys: [{ publicKey: key.publicKey, command: far.command('hub') }] }],
    })
    keyFile = join(far.dir, 'hub_key')
    await writeFile(keyFile, key.privateKey, { mode: 0o600 })
    const knownHosts = join(far.dir, 'known_hosts')
    await writeFile(knownHosts, `node1 ${sshd.hostKey}\n`)
    configFile = join(far.dir, 'ssh_config')
    await writeFile(
      configFile,
      [
        'Host node1',
        '  HostName 127.0.0.1',
        '  HostKeyAlias node1',
        `  Port ${sshd.port}`,
        `  IdentityFile ${keyFile}`,
        '  IdentitiesOnly yes',
        `  UserKnownHostsFile ${knownHosts}`,
        'Host stranger',
        '  HostName 127.0.0.1',
        `  Port ${sshd.port}`,
        `  IdentityFile ${keyFile}`,
        `  UserKnownHostsFile ${knownHosts}`,
        'Host nobody',
        '  HostName 127.0.0.1',
        '  Port 1',
        '',
      ].join('\n'),
    )
    const dir = join(far.dir, 'spawners')
    await mkdir(dir)
    path = join(dir, 'openssh.ts')
    await copyFile(example, path)
    await chmod(path, 0o644)
  })
  after(async () => {
    await sshd?.stop()
    await far?.remove()
  })

  test('the ssh spawner keeps the contract', async () => {
    const hosts = [{ name: 'node1', address: '127.0.0.1', port: sshd.port, hostKeys: [sshd.hostKey] }]
    assert.deepEqual(
      await failures(async () => createSpawner({ kind: 'ssh', keyFile, hosts }, deps), account),
      [],
    )
  })

  test('a spawner of a site, loaded from its own file, keeps it too', async () => {
    const config = {
      kind: 'module',
      path,
      name: 'openssh',
      options: { configFile, hosts: ['node1'] },
    } as const
    assert.deepEqual(await failures(() => openSpawner(config, deps), account), [])
  })

  test('what its program says at its end becomes the code that people are told', async () => {
    const refusal = async (host: string, who: string): Promise<unknown> => {
      const module = await loadSpawnerModule(path)
      const spawner = module.create({ configFile, hosts: [host] }, deps)
      const settings = { version: 1, account: who, instance: 'a'.repeat(32), site } as const
      try {
        await spawner.start(
          who,
          { ...settings, hubKeys: { keys: [] }, issuer: 'https://hub.example', idleMinutes: 5 },
          () => undefined,
          new AbortController().signal,
        )
        return undefined
      } catch (thrown) {
        return (thrown as { readonly code?: unknown }).code
      } finally {
        await spawner.close()
      }
    }
    assert.equal(await refusal('stranger', account), 'host.key-unknown')
    assert.equal(await refusal('nobody', account), 'host.unreachable')
    assert.equal(await refusal('node1', 'games'), 'ssh.auth-failed')
  })
})

const good = (extra = ''): string => `
import { defineSpawner } from 'seneschal/spawner'
${extra}
export default defineSpawner({ name: 'mine', options: { type: 'object', properties: { depth: { type: 'integer' } } },
  create: () => ({ start() {}, poll() {}, stop() {}, dial() {}, close: async () => undefined }) })
`

describe('a module is not loaded', () => {
  let count = 0
  const write = async (t: TestContext, text: string): Promise<string> => {
    const dir = await roomOf(t)
    count += 1
    const file = join(dir, `mine${count}.mjs`)
    await writeFile(file, text, { mode: 0o644 })
    return file
  }
  const why = (pattern: RegExp) => ({ code: 'config.invalid', message: pattern })

  test('where the configuration names another, or gives it options that it does not have', async (t) => {
    const path = await write(t, good())
    const open = (name: string, options: Readonly<Record<string, unknown>>) =>
      openSpawner({ kind: 'module', path, name, options }, deps)
    await (await open('mine', { depth: 3 })).close()
    await assert.rejects(open('other', {}), why(/calls itself mine, not other/))
    await assert.rejects(open('mine', { depht: 3 }), why(/there is no depht/))
    await assert.rejects(open('mine', { depth: 'deep' }), why(/depth is not an integer/))
  })

  test('where somebody else could change it, or what it imports', async (t) => {
    const open = await write(t, good())
    await chmod(open, 0o666)
    await assert.rejects(loadSpawnerModule(open), why(/can be written to by its group or others/))
    const path = await write(t, good("import './part.mjs'"))
    const part = join(path, '..', 'part.mjs')
    await writeFile(part, 'export {}')
    await chmod(part, 0o666)
    await assert.rejects(loadSpawnerModule(path), why(/part\.mjs: can be written/))
    const below = await write(t, good())
    await chmod(join(below, '..'), 0o777)
    await assert.rejects(loadSpawnerModule(below), why(/can be written to by its group or others/))
  })

  test('where it reaches out of its directory, by name or through a link', async (t) => {
    const other = await write(t, 'export const x = 1')
    const path = await write(t, good(`import ${JSON.stringify(other)}`))
    await assert.rejects(loadSpawnerModule(path), why(/lies outside/))
    const linking = await write(t, good("import './link.mjs'"))
    await symlink(other, join(linking, '..', 'link.mjs'))
    await assert.rejects(loadSpawnerModule(linking), why(/lies outside/))
  })

  test('where it is for another contract, or is no spawner at all', async (t) => {
    const shapes: readonly (readonly [string, RegExp])[] = [
      ['export const x = 1', /no default export/],
      ["export default { contract: 99, name: 'mine', options: {}, create() {} }", /is for contract 99/],
      ["export default { contract: 1, name: 'Mine!', options: {}, create() {} }", /its name/],
      [
        "export default { contract: 1, name: 'mine', options: { type: 'map' }, create() {} }",
        /schema of options/,
      ],
      ["export default { contract: 1, name: 'mine', options: { type: 'object' } }", /no function create/],
      ['throw new Error("not today")', /cannot be loaded: not today/],
      ['export default {', /cannot be loaded/],
    ]
    for (const [text, pattern] of shapes)
      await assert.rejects(loadSpawnerModule(await write(t, text)), why(pattern), text)
    await assert.rejects(loadSpawnerModule('/nowhere/spawner.mjs'), why(/cannot be read: ENOENT/))
    const partial = await write(t, good().replace('dial() {},', ''))
    const module = await loadSpawnerModule(partial)
    assert.throws(() => module.create({}, deps), why(/no function dial/))
  })
})
