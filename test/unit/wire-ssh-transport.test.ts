/** How long a connection is kept; against a server whose answers to an exec can be held back, which sshd cannot. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import ssh2, { type Connection, type ServerChannel } from 'ssh2'
import { formatPreamble, parseAgentCommand } from '../../protocol/agent-line.ts'
import { createSshGate } from '../../wire/ssh-gate.ts'
import { createSshTransport } from '../../wire/ssh-transport.ts'
import { newKeyPair } from '../harness/sshd.ts'
import { until } from '../harness/until.ts'

/** The agent's first line, and nothing more. */
const speak = (channel: ServerChannel, command: string): void => {
  const nonce = parseAgentCommand('hub', command)?.nonce ?? ''
  channel.write(formatPreamble(nonce))
}

const withTransport = async (
  t: TestContext,
  idleAfter: number,
  onExec: (answer: { accept: () => void; reject: () => void }) => void,
) => {
  const host = newKeyPair()
  const key = newKeyPair()
  const connections = new Set<Connection>()
  let count = 0
  const server = new ssh2.Server({ hostKeys: [host.privateKey] }, (connection) => {
    count += 1
    connections.add(connection)
    connection
      .on('close', () => connections.delete(connection))
      .on('error', () => undefined)
      .on('authentication', (attempt) => attempt.accept())
      .on('session', (accept) => {
        accept().on('exec', (acceptExec, reject, { command }) =>
          onExec({
            accept: () => speak(acceptExec(), command),
            reject: () => void reject(),
          }),
        )
      })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const transport = createSshTransport({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    username: 'jacintar',
    privateKey: key.privateKey,
    hostKeys: [host.publicKey],
    gate: createSshGate({ now: Date.now, random: Math.random }),
    idleAfter,
  })
  t.after(async () => {
    transport.close()
    for (const connection of connections) connection.end()
    server.close()
    await once(server, 'close')
  })
  return { transport, connections, made: () => count }
}

test('a connection is not idle while an exec on it waits for its channel', async (t) => {
  let delay = 0
  const { transport, made } = await withTransport(t, 100, ({ accept }) => setTimeout(accept, delay))
  const first = await transport.exec('status')
  first.kill()
  await first.exit
  delay = 400
  const second = await transport.exec('status')
  assert.equal(made(), 1)
  second.kill()
})

test('a connection that nobody uses is closed, and so is one whose exec was refused', async (t) => {
  const answers = { refuse: false }
  const { transport, connections, made } = await withTransport(t, 50, ({ accept, reject }) =>
    answers.refuse ? reject() : accept(),
  )
  const channel = await transport.exec('status')
  await sleep(150)
  assert.equal(connections.size, 1)
  channel.kill()
  await until(() => connections.size === 0)
  answers.refuse = true
  await assert.rejects(transport.exec('status'), { code: 'lost.connection' })
  assert.equal(made(), 2)
  await until(() => connections.size === 0)
})

test('a caller learns that the host let it in before the agent speaks', async (t) => {
  const speaking = Promise.withResolvers<void>()
  const { transport } = await withTransport(t, 60_000, ({ accept }) => void speaking.promise.then(accept))
  const reached = Promise.withResolvers<void>()
  const channel = transport.exec('stats', { reached: reached.resolve })
  await reached.promise
  speaking.resolve()
  ;(await channel).kill()
})
