/** Authenticated reads of the hub's own interfaces, alone and while many UI servers start. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Layout } from '../../demo/layout.ts'
import type { SpawnerConfig } from '../../spawners/registry.ts'
import { prepareFleet } from '../../test/harness/fleet.ts'
import { canRunHosts } from '../../test/harness/hosts.ts'
import { ground, hostNames } from '../hosts.ts'
import { loadHttp, readAtTimes } from '../http-load.ts'
import { takeTurns } from '../report/rounds.ts'
import { type Bench, type Figure, judged, type Row } from '../report/row.ts'
import { percentile } from '../report/statistics.ts'
import { startFar } from '../road.ts'
import { makeLayout, startBenchSite } from '../site.ts'

const paths = ['/api/accounts', '/api/session'] as const
const connections = 32
/** ms */
const every = 20

/** Over SSH to hosts of their own, as a site has them; else on this one, where the hub has to fork each agent itself. */
const whereServersGo = async (
  bench: Bench,
  layout: Layout,
  many: number,
): Promise<{ readonly accounts: readonly string[]; readonly spawner: SpawnerConfig }> => {
  if (canRunHosts()) {
    const { t, account } = await ground(bench)
    return await prepareFleet(t, { hosts: hostNames, accounts: many, account })
  }
  const far = await startFar(bench)
  const accounts = Array.from({ length: many }, (_, index) => `account_${index}`)
  for (const account of accounts) mkdirSync(join(layout.homes, account), { mode: 0o700 })
  const command = [far.node, far.entry, 'agent', '--role', 'hub']
  return { accounts, spawner: { kind: 'local', homeRoot: layout.homes, command } }
}

export const reads: Row = {
  name: 'reads',
  title: `authenticated reads of the hub, ${connections} connections, also while 32 servers start at once`,
  run: async (bench) => {
    const layout = makeLayout(bench)
    const { accounts, spawner } = await whereServersGo(bench, layout, bench.quick ? 8 : 32)
    const site = await startBenchSite(bench, { layout, accounts, spawner })
    const admin = await site.signIn('admin')
    const headers = site.headers(admin)
    const ms = bench.quick ? 500 : 2000
    const load = (path: string, many: number, time: number) =>
      loadHttp({ port: site.port, path, headers, connections: many, ms: time })

    const turns = await takeTurns(
      bench,
      'reads',
      paths.map((path) => ({ who: path, measure: () => load(path, connections, ms) })),
    )
    const figures: Figure[] = []
    for (const path of paths) {
      const rounds = turns.get(path) ?? []
      figures.push({ what: 'reads', who: path, unit: '/s', rounds: rounds.map(({ perSecond }) => perSecond) })
      figures.push({ what: 'p99', who: path, unit: 'ms', rounds: rounds.map(({ p99 }) => p99) })
    }

    // Somebody who reads while the hub works for others.
    const readUntil = (over: AbortSignal) =>
      Promise.all(paths.map((path) => readAtTimes({ port: site.port, path, headers }, every, over)))
    const quiet = await readUntil(AbortSignal.timeout(ms))
    const allOn = new AbortController()
    const reading = readUntil(allOn.signal)
    const times = await Promise.all(accounts.map((account) => site.open(admin, account))).finally(() =>
      allOn.abort(),
    )
    const during = await reading
    const many = accounts.length
    const told = (when: string, taken: readonly number[], who: string) => (rank: number) =>
      ({
        what: `p${rank}, one read in ${every} ms, ${when}`,
        who,
        unit: 'ms',
        rounds: [percentile(taken, rank / 100)],
      }) as const
    paths.forEach((path, index) => {
      figures.push(told('nothing else', quiet[index] ?? [], path)(99))
      const figure = told(`while ${many} servers start`, during[index] ?? [], path)
      figures.push(
        figure(50),
        judged(figure(95), '≤ 100 ms', (took) => took <= 100),
        figure(99),
      )
    })
    figures.push({ what: `${many} servers at once, each click → on`, who: 'hub', unit: 'ms', rounds: times })
    for (const account of accounts) await site.close(admin, account)
    return {
      figures,
      notes: ['starting servers takes every core of this machine: two Node processes for each account'],
    }
  },
}
