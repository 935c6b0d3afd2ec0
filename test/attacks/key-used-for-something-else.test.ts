/**
 * Threat 50: the hub's key for jobs, the daemon's for UI servers, the one for feeds for either, any of them for anything else that SSH can do. What gets as
 * far as the agent is in the agent's record, what does not is in sshd's.
 */
import assert from 'node:assert/strict'
import { access, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import ssh2, { type Client } from 'ssh2'
import { type AgentVerb, agentVerbs, type AgentRole as Role, slurmVerbs } from '../../protocol/agent-line.ts'
import { recordRefusal } from '../../uiserver/agent/record-refusal.ts'
import { callVersion } from '../../wire/agent-calls.ts'
import { createHeadReader, readLine } from '../../wire/head-reader.ts'
import { createSshGate } from '../../wire/ssh-gate.ts'
import { createSshTransport } from '../../wire/ssh-transport.ts'
import { type FarSide, installFarSide } from '../harness/far-side.ts'
import { canRunSshd, newKeyPair, type Sshd, startSshd } from '../harness/sshd.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { uniqueAccount } from '../harness/unix-accounts.ts'
import { until } from '../harness/until.ts'

const skip = (await canRunSshd()) ? false : 'needs root and sshd'
const keys = { hub: newKeyPair(), daemon: newKeyPair(), feed: newKeyPair() }
const roles = ['hub', 'daemon', 'feed'] as const
const account = uniqueAccount()

describe('a key of Seneschal', { skip }, () => {
  let far: FarSide
  let sshd: Sshd
  before(async () => {
    far = await installFarSide()
    sshd = await startSshd({
      dir: far.dir,
      accounts: [
        {
          name: account,
          keys: roles.map((role) => ({
            publicKey: keys[role].publicKey,
            command: far.command(role),
          })),
        },
      ],
    })
  })
  after(async () => {
    await sshd?.stop()
    await far?.remove()
  })

  const connect = (role: Role): Promise<Client> =>
    new Promise((resolve, reject) => {
      const client = new ssh2.Client()
      client.once('ready', () => resolve(client)).once('error', reject)
      client.connect({
        host: '127.0.0.1',
        port: sshd.port,
        username: account,
        privateKey: keys[role].privateKey,
        // Never spoken to; without one ssh2 does not even ask for agent forwarding.
        agent: '/no/such/agent',
      })
    })

  /** All that comes back from one way of asking, with its exit code. */
  const output = (
    client: Client,
    ask: (done: (error: Error | undefined, stream: NodeJS.ReadableStream) => void) => void,
  ): Promise<{ readonly text: string; readonly code: number | null }> =>
    new Promise((resolve, reject) => {
      ask((error, stream) => {
        if (error !== undefined) return reject(error)
        let text = ''
        let code: number | null = null
        stream.on('data', (chunk) => {
          text += chunk
        })
        stream.on('exit', (value: number | null) => {
          code = value
        })
        stream.on('close', () => resolve({ text, code }))
      })
      client.once('close', () => reject(new Error('the connection ended')))
    })

  /** What the host keeps about refusals, in the account's record. */
  const recorded = async (): Promise<readonly { role: string; from: string; asked: string }[]> => {
    const text = await readFile(join(sshd.home(account), '.seneschal/refused.ndjson'), 'utf8')
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  }
  const mustBeRecorded = async (role: Role, asked: RegExp): Promise<void> => {
    const found = (await recorded()).find((one) => one.role === role && asked.test(one.asked))
    assert.equal(found?.from, '127.0.0.1', `${asked} by the ${role}’s key`)
  }
  const mustBeLogged = (line: RegExp): Promise<void> => until(async () => line.test(await sshd.log()))

  for (const role of roles) {
    const foreign = roles
      .flatMap((other) => agentVerbs[other])
      .filter((verb: AgentVerb) => !agentVerbs[role].includes(verb))
    test(`of the ${role} cannot ${foreign.join(', ')}`, async () => {
      const gate = createSshGate({ now: Date.now, random: Math.random })
      const transport = createSshTransport({
        host: '127.0.0.1',
        port: sshd.port,
        username: account,
        privateKey: keys[role].privateKey,
        hostKeys: [sshd.hostKey],
        gate,
      })
      for (const verb of foreign) {
        const channel = await transport.exec(verb)
        const answer = JSON.parse((await readLine(createHeadReader(channel.stream), 4096)) ?? 'null')
        assert.equal(answer.error.code, 'agent.refused')
        assert.equal((await channel.exit).code, 77)
        await mustBeRecorded(role, new RegExp(`^"${verb} [0-9a-f]{32}"$`))
      }
      transport.close()
    })

    test(`of the ${role} runs nothing else: no shell, no command, no subsystem`, async () => {
      const client = await connect(role)
      const commands = ['id', 'sh -c id', 'start; id', 'start $(id)', ' start', 'start\nid', 'status ', '-h']
      const asked = [
        { how: () => output(client, (done) => client.shell(false, done)), record: /^"a shell"$/ },
        ...commands.map((command) => ({
          how: () => output(client, (done) => client.exec(command, done)),
          record: new RegExp(`^${RegExp.escape(JSON.stringify(command))}$`),
        })),
        { how: () => output(client, (done) => client.subsys('sftp', done)), record: /sftp/ },
      ]
      await Promise.all(
        asked.map(async ({ how, record }) => {
          const { text, code } = await how()
          assert.equal(JSON.parse(text).error.code, 'agent.refused')
          assert.doesNotMatch(text, /uid=/)
          assert.equal(code, 77)
          await mustBeRecorded(role, record)
        }),
      )
      client.end()
    })

    test(`of the ${role} gets no terminal, no X11 and no agent`, async () => {
      const client = await connect(role)
      await assert.rejects(output(client, (done) => client.exec('id', { pty: true }, done)))
      await assert.rejects(output(client, (done) => client.exec('id', { x11: true }, done)))
      const forwarding = { agentForward: true, pty: false }
      await assert.rejects(
        output(client, (done) => client.exec('id', forwarding, done)),
        /agent forwarding/,
      )
      client.end()
    })

    test(`of the ${role} forwards no port and no Unix socket, in either direction`, async () => {
      const client = await connect(role)
      const socket = join(sshd.home(account), 'any.sock')
      await assert.rejects(called((done) => client.forwardOut('127.0.0.1', 1, '127.0.0.1', sshd.port, done)))
      await assert.rejects(called((done) => client.forwardIn('127.0.0.1', 0, done)))
      await assert.rejects(called((done) => client.openssh_forwardOutStreamLocal(socket, done)))
      await assert.rejects(called((done) => client.openssh_forwardInStreamLocal(socket, done)))
      client.end()
      await mustBeLogged(/refused local port forward/)
      await mustBeLogged(/refused streamlocal port forward/)
    })

    test(`of the ${role} brings no environment along`, async () => {
      const marker = join(sshd.home(account), `ran-${role}`)
      const poison = join(far.dir, `poison-${role}.cjs`)
      await writeFile(poison, `require('node:fs').writeFileSync(${JSON.stringify(marker)}, '')`)
      const client = await connect(role)
      const env = { NODE_OPTIONS: `--require=${poison}`, BASH_ENV: poison, LD_PRELOAD: poison }
      const { code } = await output(client, (done) => client.exec('id', { env }, done))
      assert.equal(code, 77)
      await assert.rejects(access(marker), { code: 'ENOENT' })
      client.end()
    })
  }

  test('of the hub reaches no cluster where its line does not say so', async () => {
    const transport = createSshTransport({
      host: '127.0.0.1',
      port: sshd.port,
      username: account,
      privateKey: keys.hub.privateKey,
      hostKeys: [sshd.hostKey],
      gate: createSshGate({ now: Date.now, random: Math.random }),
    })
    for (const verb of slurmVerbs) {
      const channel = await transport.exec(verb)
      const answer = JSON.parse((await readLine(createHeadReader(channel.stream), 4096)) ?? 'null')
      assert.equal(answer.error.code, 'agent.refused')
      await mustBeRecorded('hub', new RegExp(`^"${verb} [0-9a-f]{32}"$`))
    }
    transport.close()
  })

  test('keeps a record of which each refusal is one line, whatever was asked for', async () => {
    const lie = `id\n{"at":"2026-01-01T00:00:00Z","role":"hub","from":"10.0.0.1","asked":"nothing"}\u2028`
    const client = await connect('hub')
    await output(client, (done) => client.exec(lie, done))
    client.end()
    const records = await recorded()
    assert.ok(records.every(({ from, asked }) => from === '127.0.0.1' && asked !== 'nothing'))
    const { mode, uid } = await stat(join(sshd.home(account), '.seneschal/refused.ndjson'))
    assert.deepEqual([mode & 0o777, uid], [0o600, sshd.uid(account)])
  })

  test('still does what it is for', async () => {
    for (const role of roles) {
      const transport = createSshTransport({
        host: '127.0.0.1',
        port: sshd.port,
        username: account,
        privateKey: keys[role].privateKey,
        hostKeys: [sshd.hostKey],
        gate: createSshGate({ now: Date.now, random: Math.random }),
      })
      assert.equal((await callVersion(transport, {})).protocol, 1)
      transport.close()
    }
  })
})

const called = (ask: (done: (error?: Error | null) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    ask((error) => (error == null ? resolve() : reject(error)))
  })

test('the system log is told as one argument, by no shell', async (t) => {
  const dir = await temporaryDirectory(t)
  const logger = join(dir, 'logger')
  await writeFile(logger, `#!/bin/sh\nprintf '%s\\0' "$@" >${dir}/told\nenv >${dir}/env\n`, { mode: 0o755 })
  const asked = '"-p emerg $(touch /tmp/x); `id`"'
  const env = { SSH_CONNECTION: '192.0.2.7 55555 192.0.2.8 22', LD_PRELOAD: '/x' }
  assert.deepEqual(await recordRefusal({ role: 'hub', asked }, { env, now: Date.now, logger }), [])
  const told = (await readFile(join(dir, 'told'), 'utf8')).split('\0').slice(0, -1)
  const line = `refused role=hub from=192.0.2.7 asked=${asked}`
  assert.deepEqual(told, ['-t', 'seneschal-agent', '-p', 'authpriv.warning', '--', line])
  assert.doesNotMatch(await readFile(join(dir, 'env'), 'utf8'), /LD_PRELOAD/)

  const missing = await recordRefusal(
    { role: 'hub', asked },
    { env, now: Date.now, logger: join(dir, 'none') },
  )
  assert.match(missing.join(), /^the system log: .*ENOENT/)
})
