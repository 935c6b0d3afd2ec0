/** Many servers on several hosts, each with its own network, processes and sshd; and a host that loses its power. */
import { createSpawner } from '../../spawners/registry.ts'
import { type Fleet, openServer, prepareFleet, startFleet } from '../../test/harness/fleet.ts'
import { canRunHosts } from '../../test/harness/hosts.ts'
import { spawnSettingsFor } from '../../test/harness/road.ts'
import { until } from '../../test/harness/until.ts'
import type { Visitor } from '../../test/harness/visitor.ts'
import { ground, hostNames } from '../hosts.ts'
import { type Bench, judged, type Row } from '../report/row.ts'

const never = new AbortController().signal

/** All at once, as far as the hub's own limit lets them; s until the last is up. */
const openAll = async (fleet: Fleet, visitor: Visitor): Promise<number> => {
  const began = performance.now()
  const rows = await Promise.all(fleet.accounts.map((account) => openServer(visitor, account, 180_000, 250)))
  const failed = rows.filter(({ state }) => state !== 'on')
  if (failed.length > 0) throw new Error(`${failed.length} did not come up: ${failed[0]?.reason}`)
  return performance.now() - began
}

const crowd = async (bench: Bench) => {
  const { t, account } = await ground(bench)
  const fleet = await startFleet(t, {
    ...{ hosts: hostNames, accounts: bench.quick ? 12 : 100, account },
    config: { servers: { startsPerPerson: 32 } },
  })
  const visitor = await fleet.hub.signIn('mel')
  bench.say(`${fleet.accounts.length} accounts are opened`)
  const took = await openAll(fleet, visitor)
  const counts = await Promise.all(
    fleet.hosts.hosts.map(async ({ servers }) => {
      const each = await Promise.all(fleet.accounts.map((name) => servers(name)))
      return each.flat().length
    }),
  )
  bench.say(`on the hosts: ${counts.join(', ')}`)
  const ideal = fleet.accounts.length / hostNames.length
  return { took, off: Math.max(...counts.map((count) => Math.abs(count - ideal))), counts }
}

/** ms from the pulled plug to a server that serves elsewhere. */
const powerLoss = async (bench: Bench): Promise<readonly number[]> => {
  const { t, account } = await ground(bench)
  const fleet = await startFleet(t, { ...{ hosts: hostNames, accounts: 1, account } })
  const [name = ''] = fleet.accounts
  const visitor = await fleet.hub.signIn('mel')
  await fleet.open(visitor, name)
  const looking = await fleet.look(visitor, name)
  const times: number[] = []
  for (let round = 0; round < Math.min(bench.rounds, hostNames.length - 1); round += 1) {
    const { host } = await fleet.row(visitor, name)
    await fleet.hosts.host(host ?? '').kill()
    const began = performance.now()
    await until(async () => (await fleet.row(visitor, name)).host !== host, 60_000)
    await until(async () => (await fleet.row(visitor, name)).state === 'on', 60_000)
    await looking.isLive()
    times.push(performance.now() - began)
    await fleet.hosts.host(host ?? '').boot()
    bench.say(`round ${round + 1}: ${times.at(-1)?.toFixed(0)} ms`)
  }
  return times
}

/** ms from asking for a stream to having it, through a tunnel that is up. */
const warmDials = async (bench: Bench): Promise<readonly number[]> => {
  const { t, account } = await ground(bench)
  const { accounts, spawner: config } = await prepareFleet(t, { hosts: ['n1'], accounts: 1, account })
  const spawner = createSpawner(config, {
    ...{ now: Date.now, random: Math.random, env: {}, entry: '' },
    warn: (message) => bench.say(message),
  })
  const [name = ''] = accounts
  const settings = { ...spawnSettingsFor(name), idleMinutes: 20 }
  const handle = await spawner.start(name, settings, () => undefined, never)
  const times: number[] = []
  for (let count = 0; count < 200; count += 1) {
    const began = performance.now()
    const stream = await spawner.dial(handle)
    times.push(performance.now() - began)
    stream.destroy()
  }
  await spawner.stop(handle)
  await spawner.close()
  // The first opens the tunnel.
  return times.slice(1)
}

export const fleet: Row = {
  name: 'fleet',
  title: '100 servers over 4 hosts at once; a host loses its power; streams through a warm tunnel',
  run: async (bench) => {
    if (!canRunHosts()) return { figures: [], notes: ['no namespaces, no sshd, or not root: left out'] }
    const { took, off, counts } = await crowd(bench)
    const losses = await powerLoss(bench)
    const dials = await warmDials(bench)
    const who = 'hub'
    const all = counts.reduce((sum, count) => sum + count, 0)
    return {
      figures: [
        judged(
          { what: `${all} servers up`, who, unit: 'ms', rounds: [took] },
          '≤ 60 s',
          (ms) => ms <= 60_000,
        ),
        judged({ what: 'most off the ideal spread', who, unit: '', rounds: [off] }, '± 1', (by) => by <= 1),
        judged(
          { what: 'host loses power → live elsewhere', who, unit: 'ms', rounds: losses },
          '≤ 10 s',
          (ms) => ms <= 10_000,
        ),
        judged({ what: 'warm dial', who, unit: 'ms', rounds: dials }, '≤ 10 ms', (ms) => ms <= 10),
      ],
      notes: [
        `servers by host: ${counts.join(', ')}`,
        'each host is a namespace of this machine with its own network, processes and sshd; they share its cores',
      ],
    }
  },
}
