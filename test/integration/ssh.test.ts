/** The road through a real sshd to real Unix accounts. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { callStart, callStatus, callStop, callVersion, openJobs, openServer } from '../../wire/agent-calls.ts'
import { createSshGate } from '../../wire/ssh-gate.ts'
import { createSshTransport, type SshTransportOptions } from '../../wire/ssh-transport.ts'
import type { Transport } from '../../wire/transport.ts'
import { createTunnelClient } from '../../wire/tunnel.ts'
import { type FarSide, installFarSide } from '../harness/far-side.ts'
import { askWhoAmI, fetchOver, spawnSettingsFor } from '../harness/road.ts'
import { canRunSshd, newKeyPair, type Sshd, startSshd } from '../harness/sshd.ts'
import { uniqueAccount } from '../harness/unix-accounts.ts'

const skip = (await canRunSshd()) ? false : 'needs root and sshd'
const hubKey = newKeyPair()
const daemonKey = newKeyPair()
const [atmosphere, chatty, nologin, agentless] = [
  uniqueAccount(),
  uniqueAccount(),
  uniqueAccount(),
  uniqueAccount(),
]

describe('over a real sshd', { skip }, () => {
  let far: FarSide
  let sshd: Sshd
  const gate = createSshGate({ now: Date.now, random: Math.random })
  const transports: Transport[] = []

  const transportTo = (username: string, options: Partial<SshTransportOptions> = {}): Transport => {
    const transport = createSshTransport({
      host: '127.0.0.1',
      port: sshd.port,
      username,
      privateKey: hubKey.privateKey,
      hostKeys: [sshd.hostKey],
      gate,
      ...options,
    })
    transports.push(transport)
    return transport
  }
  const startOn = (transport: Transport, account: string) =>
    callStart(transport, { ...spawnSettingsFor(account), host: 'here' })
  const tunnelOver = (transport: Transport) =>
    createTunnelClient({ open: async (signal) => (await openServer(transport, {}, { signal })).stream })

  before(async () => {
    far = await installFarSide()
    const keys = [
      { publicKey: hubKey.publicKey, command: far.command('hub') },
      { publicKey: daemonKey.publicKey, command: far.command('daemon') },
    ]
    sshd = await startSshd({
      dir: far.dir,
      // Far below the usual gigabyte, so that a few megabytes see several new keys.
      config: ['RekeyLimit 2M', 'MaxStartups 2:80:4', 'MaxSessions 10'],
      accounts: [
        { name: atmosphere, keys },
        {
          name: chatty,
          keys,
          files: {
            '.bashrc':
              'echo "Welcome!"; echo "ran: $SSH_ORIGINAL_COMMAND"; head -c 40000 /dev/zero; printf bye',
          },
        },
        { name: nologin, keys, shell: '/usr/sbin/nologin' },
        { name: agentless, keys: [{ publicKey: hubKey.publicKey, command: '/opt/no/such/agent' }] },
      ],
    })
  })
  after(async () => {
    for (const transport of transports) transport.close()
    await sshd?.stop()
    await far?.remove()
  })

  test('the hub starts a server as the account and talks HTTP to it', async () => {
    const transport = transportTo(atmosphere)
    const server = await startOn(transport, atmosphere)
    const tunnel = tunnelOver(transport)
    const who = await askWhoAmI(() => tunnel.dial())
    assert.equal(who.uid, sshd.uid(atmosphere))
    assert.equal(who.instance, server.instance)
    assert.equal(who.pid, server.pid)
    tunnel.close()
    assert.deepEqual(await callStop(transport, {}), { stopped: true })
    assert.equal((await callStatus(transport, {})).state, 'exited')
  })

  test('six hubs at once start one server', async () => {
    const [one, two] = [transportTo(atmosphere), transportTo(atmosphere)]
    const started = await Promise.all([one, two, one, two, one, two].map((over) => startOn(over, atmosphere)))
    assert.equal(new Set(started.map(({ pid }) => pid)).size, 1)
    await callStop(one, {})
  })

  test('a login script that prints is survived and shown', async () => {
    const told: string[] = []
    const transport = transportTo(chatty)
    await callVersion(transport, {}, { noise: (text) => told.push(text) })
    assert.match(told.join(), /Welcome!.*ran: version.*bye/)
    await startOn(transport, chatty)
    const tunnel = tunnelOver(transport)
    assert.equal((await askWhoAmI(() => tunnel.dial())).uid, sshd.uid(chatty))
    tunnel.close()
    await callStop(transport, {})
  })

  test('the server outlives the connection, and the hub finds it again', async () => {
    const transport = transportTo(atmosphere)
    const server = await startOn(transport, atmosphere)
    const tunnel = tunnelOver(transport)
    const stream = await tunnel.dial()
    const closed = new Promise((resolve) => stream.once('close', resolve))
    await sshd.dropConnections()
    await closed
    const who = await askWhoAmI(() => tunnel.dial())
    assert.equal(who.pid, server.pid)
    tunnel.close()
    await callStop(transport, {})
  })

  test('a far side that refuses streams gets a new session, and those it has go on', async () => {
    const transport = transportTo(atmosphere)
    await callStart(transport, { ...spawnSettingsFor(atmosphere, 'refuses'), host: 'here' })
    let opened = 0
    const tunnel = createTunnelClient({
      open: async (signal) => {
        opened += 1
        return (await openServer(transport, {}, { signal })).stream
      },
    })
    const held = await Promise.all(Array.from({ length: 5 }, () => tunnel.dial()))
    assert.equal(opened, 1)
    for (let count = 0; count < 10; count += 1) await askWhoAmI(() => tunnel.dial())
    assert.ok(opened >= 2, `opened ${opened}`)
    for (const stream of held)
      assert.equal((await fetchOver(async () => stream, '/zeros?bytes=100000')).body.length, 100_000)
    // Asked by many at once, one new session is opened, not one for each.
    const before = opened
    await Promise.all(Array.from({ length: 12 }, () => askWhoAmI(() => tunnel.dial())))
    assert.ok(opened - before <= 6, `opened ${opened - before} more`)
    tunnel.close()
    await callStop(transport, {})
  })

  test('many streams at once carry each byte both ways, rekeying in between', async () => {
    const transport = transportTo(atmosphere)
    await startOn(transport, atmosphere)
    const tunnel = tunnelOver(transport)
    const digest = (data: Buffer) => createHash('sha256').update(data).digest('hex')
    const roundTrip = async (size: number) => {
      const sent = randomBytes(size)
      const stream = await tunnel.dial()
      stream.write(`POST /echo HTTP/1.1\r\nHost: s\r\nConnection: close\r\nContent-Length: ${size}\r\n\r\n`)
      stream.write(sent)
      const parts: Buffer[] = []
      for await (const part of stream) parts.push(part)
      const answer = Buffer.concat(parts)
      const body = answer.subarray(answer.indexOf('\r\n\r\n') + 4)
      return [digest(dechunk(body)), digest(sent)]
    }
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, index) => roundTrip(200_000 + index * 7919)),
    )
    for (const [received, sent] of results) assert.equal(received, sent)
    tunnel.close()
    await callStop(transport, {})
  })

  test('the daemon reaches one supervisor through `jobs`, and its key nothing of the hub', async () => {
    const transport = transportTo(atmosphere, { privateKey: daemonKey.privateKey })
    const settings = { version: 1, account: atmosphere, jobEvents: '/site/events' } as const
    const [first, second] = await Promise.all([openJobs(transport, settings), openJobs(transport, settings)])
    assert.equal(first.server.pid, second.server.pid)
    assert.equal(String((await once(first.stream, 'data'))[0]), 'greeting\n')
    first.stream.write('submit')
    assert.equal(String((await once(first.stream, 'data'))[0]), 'submit')
    first.stream.destroy()
    second.stream.destroy()
    await assert.rejects(callStatus(transport, {}), { code: 'agent.refused' })
  })

  test('an account without login shell is reported with the host’s own words', async () => {
    await assert.rejects(callVersion(transportTo(nologin), {}), {
      code: 'agent.missing',
      message: /not available/,
    })
  })

  test('a host without agent is reported with the shell’s own words', async () => {
    await assert.rejects(callVersion(transportTo(agentless), {}), {
      code: 'agent.missing',
      message: /code 127.*no such/i,
    })
  })

  test('a key that is refused twice is not tried a third time', async () => {
    let now = 0
    const patient = createSshGate({ now: () => now, random: Math.random })
    const transport = transportTo(atmosphere, { privateKey: newKeyPair().privateKey, gate: patient })
    const attempts = async () => (await sshd.log()).split(`Failed publickey for ${atmosphere} `).length - 1
    const refused = { code: 'ssh.auth-failed' }
    await assert.rejects(callVersion(transport, {}), refused)
    await assert.rejects(callVersion(transport, {}), refused)
    assert.equal(await attempts(), 2)
    await assert.rejects(callVersion(transport, {}), { ...refused, message: /another 10 min/ })
    assert.equal(await attempts(), 2)
    now = 11 * 60_000
    await assert.rejects(callVersion(transport, {}), refused)
    assert.equal(await attempts(), 3)
  })

  test('a host that drops connections at random is tried again until it lets us in', async () => {
    // Each with a gate of its own, as so many hubs: together far above what this sshd admits at once.
    const over = () =>
      transportTo(atmosphere, {
        gate: createSshGate({ now: Date.now, random: Math.random }),
        port: sshd.port,
      })
    const answers = await Promise.all(Array.from({ length: 12 }, () => callVersion(over(), {})))
    assert.equal(answers.length, 12)
    assert.match(await sshd.log(), /MaxStartups|drop connection/)
  })

  test('a host that accepts and says nothing is given up in time', async () => {
    const mute = createServer().listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const address = mute.address()
    assert.ok(address !== null && typeof address === 'object')
    const transport = transportTo(atmosphere, { port: address.port, readyTimeout: 300 })
    await assert.rejects(callVersion(transport, {}), { code: 'host.unreachable' })
    mute.close()
  })

  test('a port where nobody listens is reported at once', async () => {
    const closed = createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const address = closed.address()
    assert.ok(address !== null && typeof address === 'object')
    closed.close()
    const transport = transportTo(atmosphere, { port: address.port })
    await assert.rejects(callVersion(transport, {}), { code: 'host.unreachable' })
  })
})

/** The body of an HTTP/1.1 answer in chunks (RFC 9112 section 7.1). */
const dechunk = (body: Buffer): Buffer => {
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const line = body.indexOf('\r\n', at)
    const size = Number.parseInt(body.toString('latin1', at, line), 16)
    if (!(size > 0)) return Buffer.concat(parts)
    parts.push(body.subarray(line + 2, line + 2 + size))
    at = line + 4 + size
  }
}
