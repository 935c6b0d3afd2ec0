/** What goes wrong with accounts and hosts as sites have them: each is told in its own words, and harms nobody else. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type Fleet, startFleet } from '../harness/fleet.ts'
import { canRunHosts } from '../harness/hosts.ts'
import { until } from '../harness/until.ts'
import type { Visitor } from '../harness/visitor.ts'

const skip = canRunHosts() ? false : 'needs root, namespaces and sshd'
const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'
const faketime = ['/', join(import.meta.dirname, '../../.cache/faketime')]
  .map((root) => join(root, `usr/lib/${triplet}/faketime/libfaketime.so.1`))
  .find((path) => existsSync(path))

/** Fails with that code and those words, and leaves nothing. */
const fails = async (fleet: Fleet, visitor: Visitor, account: string, code: string, words: RegExp) => {
  const row = await fleet.open(visitor, account, 60_000)
  assert.deepEqual([row.state, row.code], ['failed', code], row.reason ?? '')
  assert.match(row.reason ?? '', words)
  assert.deepEqual(await fleet.servers(account), [])
}

const workflowsOf = (visitor: Visitor, account: string) => visitor.ask('GET', `/u/${account}/workflows`)

describe('accounts and hosts as they are', { skip, concurrency: 2 }, () => {
  test('accounts without home, shell, room or time: each says so, and the others work', async (t) => {
    const fleet = await startFleet(t, {
      ...{ hosts: ['n1'], accounts: 5 },
      account: (index) => (index === 1 ? { shell: '/usr/sbin/nologin' } : undefined),
    })
    const [homeless = '', shut = '', expired = '', full = '', well = ''] = fleet.accounts
    const host = fleet.hosts.host('n1')
    const visitor = await fleet.hub.signIn('mel')
    const home = fleet.hosts.home(homeless)

    await rename(home, `${home}.away`)
    await t.test('no home', () => fails(fleet, visitor, homeless, 'agent.failed', /home/i))
    await t.test('no login shell', () => fails(fleet, visitor, shut, 'agent.missing', /not available/))
    await host.exec('chage', '-E', '0', expired)
    await t.test('an account that has expired', () => fails(fleet, visitor, expired, 'ssh.auth-failed', /./))
    await t.test('a home without room, until there is some', async () => {
      const { uid, gid } = fleet.hosts.ids(full)
      const place = fleet.hosts.home(full)
      await host.exec('mount', '-t', 'tmpfs', '-o', `size=1m,mode=700,uid=${uid},gid=${gid}`, 'tmpfs', place)
      await host.exec('sh', '-c', `cat /dev/zero >${place}/ballast 2>/dev/null; true`)
      await fails(fleet, visitor, full, 'agent.failed', /ENOSPC|space/)
      await host.exec('rm', `${place}/ballast`)
      assert.equal((await fleet.open(visitor, full)).state, 'on')
    })
    await rename(`${home}.away`, home)
    await t.test('the others work, and whoever has a home again', async () => {
      for (const account of [well, homeless]) assert.equal((await fleet.open(visitor, account)).state, 'on')
    })
  })

  test('hosts whose clocks are wrong by an hour serve as others do', {
    skip: faketime === undefined ? 'needs libfaketime' : false,
  }, async (t) => {
    const clocks = { n1: '+1h', n2: '-1h' }
    const fleet = await startFleet(t, { hosts: Object.keys(clocks), accounts: 2 })
    for (const [name, clock] of Object.entries(clocks)) {
      const setWrong = `
        mkdir /run/etc-upper /run/etc-work
        mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc-upper,workdir=/run/etc-work /etc
        echo '${clock}' >/etc/faketimerc
        echo '${faketime}' >/etc/ld.so.preload`
      const host = fleet.hosts.host(name)
      await host.exec('sh', '-ec', setWrong)
      await host.restartSshd()
      const [now, there] = [Date.now(), Number(await host.exec('date', '+%s')) * 1000]
      assert.ok(Math.abs(there - now) > 3_500_000, 'its clock is wrong')
    }
    const visitor = await fleet.hub.signIn('mel')
    const admin = await fleet.hub.signIn('admin')
    await fleet.hub.raise(admin, 'write')
    const met = new Set<string>()
    for (const account of fleet.accounts) {
      let row = await fleet.open(visitor, account)
      // sshd itself is not at ease with that library, and breaks a connection now and then.
      for (let tries = 0; tries < 3 && row.code === 'lost.connection'; tries += 1)
        row = await fleet.open(visitor, account)
      const { state, host, reason } = row
      assert.equal(state, 'on', reason ?? '')
      met.add(host ?? '')
      const { status, text } = await workflowsOf(visitor, account)
      assert.equal(status, 200, text)
      const log = await admin.ask('GET', `/api/admin/servers/${account}/log`)
      assert.match(log.text, host === 'n1' ? /3600 s ahead of/ : /3600 s behind/)
    }
    assert.deepEqual([...met].sort(), ['n1', 'n2'])
  })

  test('a server that runs out of memory is brought back for who looks; its last lines are kept', async (t) => {
    const fleet = await startFleet(t, { hosts: ['n1'], accounts: 1 })
    const [account = ''] = fleet.accounts
    const host = fleet.hosts.host('n1')
    const visitor = await fleet.hub.signIn('mel')
    await fleet.open(visitor, account)
    const looking = await fleet.look(visitor, account)
    const [pid] = await host.servers(account)
    const group = `/sys/fs/cgroup/memory/${account}`
    await host.exec('mkdir', group)
    t.after(() => host.exec('rmdir', group).catch(() => undefined))
    // What it has is not counted; of what comes there is next to nothing.
    await host.exec(
      'sh',
      '-c',
      `echo 1m >${group}/memory.limit_in_bytes && echo ${pid} >${group}/cgroup.procs`,
    )
    await until(async () => {
      await workflowsOf(visitor, account)
      return !(await host.servers(account)).includes(pid ?? -1)
    }, 30_000)
    await looking.isLive()
    assert.equal((await host.servers(account)).length, 1)
    assert.match(fleet.hub.logged(), /"lines":\[[^\]]*ready[^\]]*\][^\n]*a server ended/)
  })
})
