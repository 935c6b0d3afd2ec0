/** `seneschal authorize` against a real sshd: the line that it prints lets a key in, and its check tells a careless one. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { AgentRole } from '../../protocol/agent-line.ts'
import { createCommandLine } from '../harness/command-line.ts'
import { type FarSide, installFarSide } from '../harness/far-side.ts'
import { canRunSshd, newKeyPair, type Sshd, startSshd } from '../harness/sshd.ts'
import { uniqueAccount } from '../harness/unix-accounts.ts'

const skip = (await canRunSshd()) ? false : 'needs root and sshd'
const account = uniqueAccount()
const key = newKeyPair()

/** What a key without any rule could do. */
const everything = [
  'a shell',
  'a command',
  'sftp',
  'a terminal',
  'agent forwarding',
  'TCP forwarding to the host',
  'TCP forwarding from the host',
  'Unix-socket forwarding from the host',
]

describe('authorize', { skip }, () => {
  let far: FarSide
  let sshd: Sshd
  const line = createCommandLine({ after })
  let program: string
  let configs: Readonly<Record<'hub' | 'slurm' | 'daemon', string>>

  before(async () => {
    far = await installFarSide('product')
    sshd = await startSshd({ dir: far.dir, accounts: [{ name: account, keys: [] }] })
    program = join(far.dir, 'bin/seneschal')
    await writeFile(program, `#!/bin/sh\nexec ${far.node} ${far.entry} "$@"\n`)
    await chmod(program, 0o755)
    const keyFile = join(far.dir, 'key')
    const secret = join(far.dir, 'secret')
    for (const [path, text] of [
      [keyFile, key.privateKey],
      [secret, 'not a secret'],
    ] as const)
      await writeFile(path, text, { mode: 0o600 })
    const address = '127.0.0.1'
    const { port, hostKey } = sshd
    const hosts = [{ name: 'node1', address, port, hostKeys: [hostKey] }]
    const feed = { host: address, port, username: account, keyFile, hostKeys: [hostKey] }
    const hub = (spawner: object) => ({
      ...{ site: 'test', publicUrl: 'http://localhost:8000', database: '/x/db', keys: '/x/k', audit: '/x/a' },
      provider: { issuer: 'https://login.example', clientId: 'x', clientSecret: { file: secret } },
      daemons: [{ name: 'main', directory: '/srv/seneschal', feed: { ssh: feed } }],
      spawner: { ...spawner, keyFile },
    })
    const write = (name: string, content: object): string => {
      const file = join(far.dir, `${name}.yaml`)
      writeFileSync(file, JSON.stringify(content))
      return file
    }
    const places = ['root', 'definitions', 'siteFile', 'hubKeys'].map((name) => [name, `/srv/${name}`])
    configs = {
      hub: write('hub', hub({ kind: 'ssh', hosts })),
      slurm: write(
        'slurm',
        hub({ kind: 'slurm', submit: hosts, nodes: { names: ['n*'], hostKeys: [hostKey] } }),
      ),
      daemon: write('daemon', {
        ...{ site: 'test', issuer: 'https://hub.example', ...Object.fromEntries(places) },
        accounts: {
          [account]: { transport: { kind: 'ssh', host: address, port, keyFile, hostKeys: [hostKey] } },
        },
      }),
    }
  })
  after(async () => {
    await sshd?.stop()
    await far?.remove()
  })

  const authorize = async (text: string): Promise<void> =>
    writeFile(join(far.dir, 'keys', account), `${text}\n`, { mode: 0o644 })
  const print = async (role: AgentRole, config: string, ...more: string[]): Promise<string> => {
    const words = ['authorize', account, '--role', role, '--config', config, '--program', program, ...more]
    const { code, out, err } = await line.seneschal(...words)
    assert.equal(code, 0, err)
    return out.trimEnd()
  }
  const check = (role: AgentRole, config: string) =>
    line.seneschal('authorize', account, '--role', role, '--config', config, '--check')
  const possible = (out: string) =>
    [...out.matchAll(/^ {2}FAILED {2}(.*): POSSIBLE: /gm)].map(([, what]) => what)

  for (const [role, config, words] of [
    ['hub', 'hub', ''],
    ['hub', 'slurm', ' --slurm /usr/bin'],
    ['daemon', 'daemon', ''],
    ['feed', 'hub', ' --site /srv/seneschal'],
  ] as const)
    test(`the line for the role ${role} (${config}) is exact, and its key can do nothing else`, async () => {
      const printed = await print(role, configs[config], '--from', '127.0.0.1,::1')
      const [type, blob] = key.publicKey.split(' ')
      assert.equal(
        printed,
        `restrict,from="127.0.0.1,::1",command="${program} agent --role ${role}${words}" ${type} ${blob} seneschal-${role}`,
      )
      await authorize(printed)
      const { code, out } = await check(role, configs[config])
      assert.equal(code, 0, out)
      assert.match(out, new RegExp(`^${account} on (node1|127\\.0\\.0\\.1)\\n {2}ok {6}the agent answers`))
      assert.doesNotMatch(out, /FAILED/)
      assert.ok(out.split('\n').length > 20, out)
      assert.match(out, /nothing else\.\n$/)
    })

  test('a line that lost its `restrict` is found out', async () => {
    await authorize((await print('hub', configs.hub)).replace('restrict,', ''))
    const { code, out } = await check('hub', configs.hub)
    assert.equal(code, 1)
    assert.deepEqual(
      possible(out),
      everything.filter((what) => !['a shell', 'a command', 'sftp'].includes(what)),
    )
    assert.match(out, /\n5 of these should not be so\.\n$/)
  })

  test('a key without any rule is found out', async () => {
    await authorize(key.publicKey)
    const { code, out } = await check('hub', configs.hub)
    assert.equal(code, 1)
    assert.deepEqual(possible(out).slice(0, everything.length), everything)
    assert.match(out, /FAILED {2}the agent answers/)
  })

  test('a key that answers for another role is found out', async () => {
    await authorize(await print('daemon', configs.daemon))
    const { code, out } = await check('hub', configs.hub)
    assert.equal(code, 1)
    assert.match(out, /FAILED {2}the verb start: refused, and needed/)
    assert.match(out, /FAILED {2}the verb jobs: POSSIBLE/)
  })

  test('who is not let in is told so, and so is whoever asks for what there is not', async () => {
    await authorize('')
    const { code, out } = await check('hub', configs.hub)
    assert.equal(code, 1)
    assert.match(out, /FAILED {2}ssh\.auth-failed/)
    for (const [words, why] of [
      [['authorize'], /Usage/],
      [['authorize', '-x'], /Unknown option/],
      [['authorize', 'Root;id', '--config', configs.hub], /is no account’s name/],
      [['authorize', account, '--role', 'root'], /Say --role/],
      [['authorize', 'nobody', '--role', 'daemon', '--config', configs.daemon], /has no account nobody/],
      [['authorize', 'nobody', '--role', 'feed', '--config', configs.hub], /no daemon’s feed as nobody/],
      [['authorize', account, '--config', configs.hub, '--from', 'a" x="b'], /cannot stand in/],
      [['authorize', account, '--config', configs.hub, '--program', '/a b'], /cannot stand in/],
      [['authorize', account, '--config', configs.hub, '--slurm', '/usr/bin'], /--slurm is for/],
    ] as const) {
      const refused = await line.seneschal(...words)
      assert.notEqual(refused.code, 0, words.join(' '))
      assert.match(refused.err, why)
    }
  })
})
