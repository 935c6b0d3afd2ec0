/** Authenticated reads of the hub's own interfaces, alone and while many UI servers start. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { loadHttp } from '../http-load.ts'
import { takeTurns } from '../report/rounds.ts'
import type { Figure, Row } from '../report/row.ts'
import { startFar } from '../road.ts'
import { makeLayout, startBenchSite } from '../site.ts'

const paths = ['/api/accounts', '/api/session'] as const
const connections = 32

export const reads: Row = {
  name: 'reads',
  title: `authenticated reads of the hub, ${connections} connections, also while 32 servers start at once`,
  run: async (bench) => {
    const far = await startFar(bench)
    const layout = makeLayout(bench)
    const accounts = Array.from({ length: bench.quick ? 8 : 32 }, (_, index) => `account_${index}`)
    for (const account of accounts) mkdirSync(join(layout.homes, account), { mode: 0o700 })
    const command = [far.node, far.entry, 'agent', '--role', 'hub']
    const spawner = { kind: 'local', homeRoot: layout.homes, command } as const
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

    // One connection per path: somebody who reads while the hub works for others.
    const quiet = await Promise.all(paths.map((path) => load(path, 1, ms)))
    let starting = true
    const started = Promise.all(accounts.map((account) => site.open(admin, account))).finally(() => {
      starting = false
    })
    const during = paths.map(() => [] as number[])
    const worst = paths.map(() => [] as number[])
    while (starting) {
      const slices = await Promise.all(paths.map((path) => load(path, 1, 250)))
      slices.forEach(({ p50, p99 }, index) => {
        during[index]?.push(p50)
        worst[index]?.push(p99)
      })
    }
    const times = await started
    const many = accounts.length
    paths.forEach((path, index) => {
      const { p99 = Number.NaN } = quiet[index] ?? {}
      figures.push({ what: 'p99, one reader, nothing else', who: path, unit: 'ms', rounds: [p99] })
      figures.push({
        what: `p50, one reader, while ${many} servers start`,
        who: path,
        unit: 'ms',
        rounds: during[index] ?? [],
      })
      figures.push({
        what: `p99, one reader, while ${many} servers start`,
        who: path,
        unit: 'ms',
        rounds: worst[index] ?? [],
      })
    })
    figures.push({ what: `${many} servers at once, each click → on`, who: 'hub', unit: 'ms', rounds: times })
    for (const account of accounts) await site.close(admin, account)
    return {
      figures,
      notes: ['starting servers takes every core of this machine: two Node processes for each account'],
    }
  },
}
