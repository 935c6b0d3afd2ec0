/**
 * What a UI server pushes, through the hub and other proxies. The hub lets nothing go up, so a round trip cannot be
 * measured: each message carries the machine's clock, and the way down alone is timed.
 */
import { WebSocket } from 'ws'
import { nginxMissing } from '../peers.ts'
import { type Contestant, takeTurns } from '../report/rounds.ts'
import { against, type Figure, type Row } from '../report/row.ts'
import { percentile } from '../report/statistics.ts'
import { ours, prepareWays, type WayIn } from '../ways.ts'

const now = (): number => Number(process.hrtime.bigint()) / 1e6

const openSockets = (way: WayIn, kind: 'tick' | 'flood', count: number): Promise<readonly WebSocket[]> =>
  Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<WebSocket>((resolve, reject) => {
          const url = `ws://127.0.0.1:${way.port}${way.prefix}/stream?bench=${kind}`
          const headers = { host: `localhost:${way.port}`, ...way.headers }
          const socket = new WebSocket(url, { headers, perMessageDeflate: false })
          socket
            .once('open', () => resolve(socket))
            .once('error', (error) => reject(new Error(`${way.who}: ${error.message}`)))
        }),
    ),
  )

const listenFor = async (
  sockets: readonly WebSocket[],
  ms: number,
  hear: (text: Buffer) => void,
): Promise<number> => {
  for (const socket of sockets) socket.on('message', (data: Buffer) => hear(data))
  const began = performance.now()
  await new Promise((resolve) => setTimeout(resolve, ms))
  const took = performance.now() - began
  for (const socket of sockets) socket.removeAllListeners('message').terminate()
  return took
}

type Latency = { readonly p50: number; readonly p99: number }

const timeMessages = (way: WayIn, count: number, ms: number) => async (): Promise<Latency> => {
  const taken: number[] = []
  await listenFor(await openSockets(way, 'tick', count), ms, (text) => {
    taken.push(now() - (JSON.parse(text.toString()) as { readonly at: number }).at)
  })
  return { p50: percentile(taken, 0.5), p99: percentile(taken, 0.99) }
}

const countMessages = (way: WayIn, count: number, ms: number) => async (): Promise<number> => {
  let heard = 0
  const took = await listenFor(await openSockets(way, 'flood', count), ms, () => {
    heard += 1
  })
  return heard / (took / 1000)
}

export const websocket: Row = {
  name: 'websocket',
  title: 'what is pushed to browsers, through the hub and beside it: the way down, one clock',
  run: async (bench) => {
    const ways = await prepareWays(bench)
    const ms = bench.quick ? 500 : 2000
    const figures: Figure[] = []
    const compare = <T>(
      what: string,
      unit: Figure['unit'],
      turns: ReadonlyMap<string, readonly T[]>,
      pick: (value: T) => number,
      judge?: { readonly text: string; readonly holds: (ratio: number) => boolean },
    ) => {
      const of = (who: string) => (turns.get(who) ?? []).map(pick)
      const peers = ways.filter(({ who }) => who !== ours)
      figures.push(
        ...against(
          { what, unit, who: ours, rounds: of(ours) },
          peers.map(({ who }) => ({
            who,
            rounds: of(who),
            ...(who === 'direct' && judge !== undefined ? { budget: judge } : {}),
          })),
        ),
      )
    }
    const turnsOf = <T>(what: string, measure: (way: WayIn) => Contestant<T>['measure']) =>
      takeTurns(
        bench,
        what,
        ways.map((way) => ({ who: way.who, measure: measure(way) })),
      )
    for (const count of [1, 32]) {
      const turns = await turnsOf(`latency, ${count} sockets`, (way) => timeMessages(way, count, ms))
      const what = `50 messages/s on each of ${count}`
      const judge = { text: '≤ 2 ×', holds: (ratio: number) => ratio <= 2 }
      compare(`p50, ${what}`, 'ms', turns, ({ p50 }) => p50, judge)
      compare(`p99, ${what}`, 'ms', turns, ({ p99 }) => p99)
    }
    for (const count of [1, 32]) {
      const turns = await turnsOf(`throughput, ${count} sockets`, (way) => countMessages(way, count, ms))
      compare(`messages, ${count} sockets at full speed`, '/s', turns, (value) => value)
    }
    return {
      figures,
      notes: [
        'the client parses every message: at full speed it is as busy as the proxies',
        ...(nginxMissing === undefined ? [] : [nginxMissing]),
      ],
    }
  },
}
