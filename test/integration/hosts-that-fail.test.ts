/** Hosts that die, fall silent or lose their sshd under servers that somebody looks at: real hosts, real cables. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type HostsBody, hostsBody } from '../../protocol/fleet.ts'
import { type Fleet, startFleet } from '../harness/fleet.ts'
import { canRunHosts } from '../harness/hosts.ts'
import { until } from '../harness/until.ts'
import type { Visitor } from '../harness/visitor.ts'

const skip = canRunHosts() ? false : 'needs root, namespaces and sshd'

const hostRow = async (admin: Visitor, name: string): Promise<HostsBody['hosts'][number]> => {
  const { status, text, body } = await admin.ask('GET', '/api/admin/hosts')
  assert.equal(status, 200, text)
  const found = hostsBody.parse(body).hosts.find(({ host }) => host === name)
  assert.ok(found !== undefined, name)
  return found
}

/** Somebody looks at a server; which host it is on, and who administers. */
const lookedAt = async (fleet: Fleet) => {
  const [account = ''] = fleet.accounts
  const visitor = await fleet.hub.signIn('mel')
  const admin = await fleet.hub.signIn('admin')
  await fleet.hub.raise(admin, 'write')
  const { state, host } = await fleet.open(visitor, account)
  assert.equal(state, 'on')
  assert.ok(host !== null)
  const looking = await fleet.look(visitor, account)
  const movedFrom = (from: string) =>
    until(async () => {
      const row = await fleet.row(visitor, account)
      return row.state === 'on' && row.host !== null && row.host !== from
    }, 30_000)
  return { account, visitor, admin, host, looking, movedFrom }
}

// Mostly waiting.
describe('hosts that fail', { skip, concurrency: 2 }, () => {
  test('a host loses its power: its server comes up on another for who looks, and nothing is left of it', async (t) => {
    const fleet = await startFleet(t, { hosts: ['n1', 'n2', 'n3'], accounts: 1 })
    const { account, visitor, admin, host, looking, movedFrom } = await lookedAt(fleet)
    await fleet.hosts.host(host).kill()
    await movedFrom(host)
    await looking.isLive()
    assert.equal((await hostRow(admin, host)).left, 1)
    const { host: now } = await fleet.row(visitor, account)
    await fleet.hosts.host(host).boot()
    await until(async () => (await hostRow(admin, host)).left === 0, 60_000)
    assert.deepEqual(await fleet.servers(account), [now])
    await looking.isLive()
  })

  test('a host falls silent and comes back: what ran there is ended, and the one that took its place stays', async (t) => {
    const fleet = await startFleet(t, { hosts: ['n1', 'n2'], accounts: 1 })
    const { account, visitor, admin, host, looking, movedFrom } = await lookedAt(fleet)
    await fleet.hosts.host(host).cut()
    await movedFrom(host)
    await looking.isLive()
    // Nobody knows whether it is dead, and it is not.
    assert.equal((await fleet.servers(account)).length, 2)
    await fleet.hosts.host(host).mend()
    await until(async () => (await hostRow(admin, host)).left === 0, 90_000)
    const { host: now } = await fleet.row(visitor, account)
    assert.deepEqual(await fleet.servers(account), [now])
    await looking.isLive()
  })

  test('all hosts fall silent: nothing is moved, and the server is there again with them', async (t) => {
    const fleet = await startFleet(t, { hosts: ['n1', 'n2'], accounts: 1 })
    const { account, visitor, host, looking } = await lookedAt(fleet)
    const before = await fleet.hosts.host(host).servers(account)
    await Promise.all(fleet.hosts.hosts.map((one) => one.cut()))
    await until(async () => (await fleet.row(visitor, account)).code !== null, 20_000)
    await sleep(8000)
    assert.equal((await fleet.row(visitor, account)).state, 'on')
    await Promise.all(fleet.hosts.hosts.map((one) => one.mend()))
    await until(async () => (await fleet.row(visitor, account)).code === null, 60_000)
    await looking.isLive()
    assert.deepEqual(await fleet.hosts.host(host).servers(account), before)
    assert.deepEqual(await fleet.servers(account), [host])
  })

  test('sshd is killed, is away for a while, and comes back: the server goes on, and nobody starts a second', async (t) => {
    const fleet = await startFleet(t, { hosts: ['n1', 'n2'], accounts: 1 })
    const { account, visitor, host, looking } = await lookedAt(fleet)
    const before = await fleet.hosts.host(host).servers(account)
    await fleet.hosts.host(host).restartSshd()
    await looking.isLive()
    await fleet.hosts.host(host).stopSshd()
    await until(async () => (await fleet.row(visitor, account)).code !== null, 20_000)
    await sleep(6000)
    await fleet.hosts.host(host).restartSshd()
    await until(async () => (await fleet.row(visitor, account)).code === null, 60_000)
    await looking.isLive()
    assert.deepEqual(await fleet.hosts.host(host).servers(account), before)
    assert.deepEqual(await fleet.servers(account), [host])
  })
})
