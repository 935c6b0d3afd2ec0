/** Threat 50: the hub's key for jobs, the daemon's for UI servers, either for anything else that SSH can do. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import ssh2, { type Client } from 'ssh2'
import { type AgentVerb, agentVerbs } from '../../protocol/agent-line.ts'
import { callVersion } from '../../wire/agent-calls.ts'
import { readLine } from '../../wire/read-until.ts'
import { createSshGate } from '../../wire/ssh-gate.ts'
import { createSshTransport } from '../../wire/ssh-transport.ts'
import { type FarSide, installFarSide } from '../harness/far-side.ts'
import { canRunSshd, newKeyPair, type Sshd, startSshd, uniqueAccount } from '../harness/sshd.ts'

const skip = (await canRunSshd()) ? false : 'needs root and sshd'
const keys = { hub: newKeyPair(), daemon: newKeyPair() }
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
          keys: (['hub', 'daemon'] as const).map((role) => ({
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

  const connect = (role: 'hub' | 'daemon'): Promise<Client> =>
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
    ask: (client: Client, done: (error: Error | undefined, stream: NodeJS.ReadableStream) => void) => void,
    role: 'hub' | 'daemon' = 'hub',
  ): Promise<{ readonly text: string; readonly code: number | null }> =>
    connect(role).then(
      (client) =>
        new Promise((resolve, reject) => {
          ask(client, (error, stream) => {
            if (error !== undefined) return reject(error)
            let text = ''
            let code: number | null = null
            stream.on('data', (chunk) => {
              text += chunk
            })
            stream.on('exit', (value: number | null) => {
              code = value
            })
            stream.on('close', () => {
              client.end()
              resolve({ text, code })
            })
          })
        }),
    )

  for (const role of ['hub', 'daemon'] as const) {
    const foreign = (['hub', 'daemon'] as const)
      .flatMap((other) => agentVerbs[other])
      .filter((verb: AgentVerb) => !agentVerbs[role].includes(verb))
    for (const verb of foreign)
      test(`of the ${role} cannot ${verb}`, async () => {
        const gate = createSshGate({ now: Date.now, random: Math.random })
        const transport = createSshTransport({
          host: '127.0.0.1',
          port: sshd.port,
          username: account,
          privateKey: keys[role].privateKey,
          hostKeys: [sshd.hostKey],
          gate,
        })
        const channel = await transport.exec(verb)
        const answer = JSON.parse((await readLine(channel.stream, 4096)) ?? 'null')
        assert.equal(answer.error.code, 'agent.refused')
        assert.equal((await channel.exit).code, 77)
        assert.match(channel.stderr(), /refused role=/)
        transport.close()
      })
  }

  test('gets no shell', async () => {
    const { text, code } = await output((client, done) => client.shell(false, done))
    assert.equal(JSON.parse(text).error.code, 'agent.refused')
    assert.equal(code, 77)
  })

  for (const command of [
    'id',
    'sh -c id',
    'start; id',
    'start $(id)',
    ' start',
    'start\nid',
    'status ',
    '-h',
  ])
    test(`runs no command ${JSON.stringify(command)}`, async () => {
      const { text, code } = await output((client, done) => client.exec(command, done))
      assert.equal(JSON.parse(text).error.code, 'agent.refused')
      assert.doesNotMatch(text, /uid=/)
      assert.equal(code, 77)
    })

  test('gets no sftp', async () => {
    const client = await connect('hub')
    await assert.rejects(
      new Promise((resolve, reject) => client.sftp((error, sftp) => (error ? reject(error) : resolve(sftp)))),
    )
    client.end()
  })

  test('gets no terminal', async () => {
    await assert.rejects(output((client, done) => client.exec('id', { pty: true }, done)))
  })

  test('forwards no port, in either direction', async () => {
    const target = createServer().listen(0, '127.0.0.1')
    const client = await connect('hub')
    await assert.rejects(
      new Promise((resolve, reject) =>
        client.forwardOut('127.0.0.1', 1, '127.0.0.1', sshd.port, (error, stream) =>
          error ? reject(error) : resolve(stream),
        ),
      ),
    )
    await assert.rejects(
      new Promise((resolve, reject) =>
        client.forwardIn('127.0.0.1', 0, (error, port) => (error ? reject(error) : resolve(port))),
      ),
    )
    client.end()
    target.close()
  })

  test('forwards no Unix socket, not even the server’s own', async () => {
    const path = join(sshd.home(account), 'any.sock')
    const client = await connect('hub')
    await assert.rejects(
      new Promise((resolve, reject) =>
        client.openssh_forwardOutStreamLocal(path, (error, stream) =>
          error ? reject(error) : resolve(stream),
        ),
      ),
    )
    await assert.rejects(
      new Promise<void>((resolve, reject) =>
        client.openssh_forwardInStreamLocal(path, (error) => (error ? reject(error) : resolve())),
      ),
    )
    client.end()
  })

  test('forwards no agent', async () => {
    const options = { agentForward: true, pty: false }
    const asking = output((client, done) => client.exec('id', options, done))
    await assert.rejects(asking, /agent forwarding/)
  })

  test('still does what it is for', async () => {
    const gate = createSshGate({ now: Date.now, random: Math.random })
    const transport = createSshTransport({
      host: '127.0.0.1',
      port: sshd.port,
      username: account,
      privateKey: keys.hub.privateKey,
      hostKeys: [sshd.hostKey],
      gate,
    })
    assert.equal((await callVersion(transport, {})).protocol, 1)
    transport.close()
  })
})
