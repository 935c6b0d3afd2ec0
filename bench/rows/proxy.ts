/** HTTP through the hub (session, gate, assertion, tunnel) beside other proxies in front of the same upstream. */
import { type Loaded, loadHttp } from '../http-load.ts'
import { nginxMissing } from '../peers.ts'
import { cpuTime } from '../processes.ts'
import { type Contestant, takeTurns } from '../report/rounds.ts'
import { against, type Figure, type Row } from '../report/row.ts'
import { ours, overSsh, prepareWays, type WayIn } from '../ways.ts'

type Measured = Loaded & {
  /** Of the proxy's process, µs. */
  readonly cpu: number
}
const measure = (way: WayIn, connections: number, ms: number) => async (): Promise<Measured> => {
  const before = way.pid === undefined ? 0 : cpuTime(way.pid)
  const loaded = await loadHttp({ ...way, path: `${way.prefix}/workflows`, connections, ms })
  const used = way.pid === undefined ? 0 : cpuTime(way.pid) - before
  return { ...loaded, cpu: (used * 1000) / loaded.count }
}

const figuresOf = (
  connections: number,
  turns: ReadonlyMap<string, readonly Measured[]>,
): readonly Figure[] => {
  const of = (who: string, pick: (measured: Measured) => number) => (turns.get(who) ?? []).map(pick)
  const peers = [...turns.keys()].filter((who) => who !== ours)
  const table = (
    what: string,
    unit: Figure['unit'],
    pick: (measured: Measured) => number,
    judge?: { readonly text: string; readonly holds: (ratio: number) => boolean },
  ) =>
    against(
      { what: `${what}, ${connections} connections`, unit, who: ours, rounds: of(ours, pick) },
      peers.map((who) => ({
        who,
        rounds: of(who, pick),
        ...(who === 'configurable-http-proxy' && judge !== undefined ? { budget: judge } : {}),
      })),
    )
  return [
    ...table('requests', '/s', ({ perSecond }) => perSecond, {
      text: '≥ 1.5 ×',
      holds: (ratio) => ratio >= 1.5,
    }),
    ...table('p50', 'ms', ({ p50 }) => p50),
    ...table('p99', 'ms', ({ p99 }) => p99),
    ...table('CPU per request', 'µs', ({ cpu }) => cpu).filter(({ who }) => who !== 'direct'),
  ]
}

export const proxy: Row = {
  name: 'proxy',
  title: 'HTTP through the hub: session, gate, assertion and tunnel included',
  run: async (bench) => {
    const ways = await prepareWays(bench)
    const ms = bench.quick ? 500 : 2000
    const figures: Figure[] = []
    for (const connections of [1, 32, 128]) {
      const turns = await takeTurns(
        bench,
        `${connections} connections`,
        ways.map(
          (way): Contestant<Measured> => ({
            who: way.who,
            measure: measure(way, connections, ms),
          }),
        ),
      )
      figures.push(...figuresOf(connections, turns))
    }
    return {
      figures,
      notes: [
        'client, proxy and upstream share the machine: requests/s are bounded by all three, CPU per request by the proxy alone',
        'the CPU of `hub over SSH` includes the cipher, not that of sshd',
        ...(ways.every(({ who }) => who !== overSsh)
          ? ['no sshd, or not root: without the road over SSH']
          : []),
        ...(nginxMissing === undefined ? [] : [nginxMissing]),
      ],
    }
  },
}
