/** Threat 18: somebody else answers at the host's address. */
import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { callVersion } from '../../wire/agent-calls.ts'
import { createSshGate } from '../../wire/ssh-gate.ts'
import { createSshTransport } from '../../wire/ssh-transport.ts'
import { canRunSshd, newKeyPair, startSshd } from '../harness/sshd.ts'
import { uniqueAccount } from '../harness/unix-accounts.ts'

const skip = (await canRunSshd()) ? false : 'needs root and sshd'

test('a host that comes back with another key learns nothing of us', { skip }, async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'host-key-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  await chmod(dir, 0o755)
  const account = uniqueAccount()
  const key = newKeyPair()
  const command = 'echo the agent'
  const accounts = [{ name: account, keys: [{ publicKey: key.publicKey, command }] }]
  const transportFor = (port: number, hostKey: string) => {
    const gate = createSshGate({ now: Date.now, random: Math.random })
    return createSshTransport({
      host: '127.0.0.1',
      port,
      username: account,
      privateKey: key.privateKey,
      hostKeys: [hostKey],
      gate,
    })
  }

  const honest = await startSshd({ dir, accounts })
  const before = transportFor(honest.port, honest.hostKey)
  await assert.rejects(callVersion(before, {}), { code: 'agent.missing', message: /the agent/ })
  before.close()
  await honest.stop()

  await rm(join(dir, 'sshd.log'))
  const impostor = await startSshd({ dir, accounts, port: honest.port })
  t.after(() => impostor.stop())
  assert.notEqual(impostor.hostKey, honest.hostKey)
  const transport = transportFor(honest.port, honest.hostKey)
  await assert.rejects(callVersion(transport, {}), { code: 'host.key-unknown' })
  // Not trusted on second sight either.
  await assert.rejects(callVersion(transport, {}), { code: 'host.key-unknown' })
  transport.close()
  assert.doesNotMatch(await impostor.log(), new RegExp(`Accepted|publickey for ${account}`))
})
