/** Sockets on which nothing happens: how many there can be, and what each costs the proxy. */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { startChp } from '../peers.ts'
import { pss, restingPss } from '../processes.ts'
import { type Bench, judged, type Row } from '../report/row.ts'
import { startFar, startLocalWay } from '../road.ts'

type Target = {
  readonly port: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

/** A handshake by hand: what a WebSocket library keeps per socket is not the proxy's. Rejects with what else came. */
const openSocket = ({ port, path, headers }: Target): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const all = {
      host: `localhost:${port}`,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      ...headers,
    }
    const socket = connect(port, '127.0.0.1', () => {
      const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
      socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
    })
    socket.once('data', (chunk: Buffer) => {
      if (chunk.toString('latin1').startsWith('HTTP/1.1 101')) resolve(socket)
      else reject(new Error(chunk.toString('latin1').slice(0, 300)))
    })
    socket.once('error', reject)
  })

const atOnce = 64

type Held = { readonly opened: number; readonly perSocket: number; readonly openedPerSecond: number }

const hold = async (bench: Bench, pid: number, targets: readonly Target[], count: number): Promise<Held> => {
  const sockets: Socket[] = []
  let alive = 0
  // What a program keeps once it has been used is not what a socket costs.
  for (const target of targets) for (let warm = 0; warm < 200; warm += 1) (await openSocket(target)).destroy()
  await sleep(1000)
  const before = await restingPss(pid)
  const began = performance.now()
  try {
    for (let next = 0; next < count; next += atOnce)
      await Promise.all(
        Array.from({ length: Math.min(atOnce, count - next) }, async (_, index) => {
          const target = targets[(next + index) % targets.length]
          if (target === undefined) throw new RangeError('no targets')
          const socket = await openSocket(target)
          sockets.push(socket)
          alive += 1
          socket.once('close', () => {
            alive -= 1
          })
        }),
      )
    const seconds = (performance.now() - began) / 1000
    bench.say(`${count} sockets are open; the process had ${before} kB and has ${pss(pid)} kB`)
    const after = await restingPss(pid)
    return { opened: alive, perSocket: (after - before) / count, openedPerSecond: count / seconds }
  } finally {
    for (const socket of sockets) socket.destroy()
    await sleep(500)
  }
}

export const idle: Row = {
  name: 'idle',
  title: 'idle sockets through the hub: how many, and kB of the hub for each',
  run: async (bench) => {
    const accounts = ['atmosphere_stage', 'oceans_stage']
    const way = await startLocalWay(bench, await startFar(bench), accounts)
    const chp = await startChp(bench, way.upstreamPort)
    const targets = accounts.map((account) => ({
      port: way.site.port,
      path: `/u/${account}/stream`,
      headers: way.headers,
    }))
    const many = bench.quick ? 1000 : 10_500
    const held = await hold(bench, way.site.hub.pid, targets, many)
    // A peer has two descriptors per socket, and a process may have 20,000 here.
    const fewer = bench.quick ? 1000 : 8000
    const peer = await hold(bench, chp.program.pid, [{ port: chp.port, path: '/stream', headers: {} }], fewer)
    const what = 'idle sockets'
    return {
      figures: [
        judged(
          { what: `${what} held open`, who: 'hub', unit: '', rounds: [held.opened] },
          '> 10,000',
          (value) => value > 10_000,
        ),
        { what: `${what} held open`, who: chp.who, unit: '', rounds: [peer.opened] },
        judged(
          { what: 'memory for each', who: 'hub', unit: 'kB', rounds: [held.perSocket] },
          '≤ 16 kB',
          (value) => value <= 16,
        ),
        { what: 'memory for each', who: chp.who, unit: 'kB', rounds: [peer.perSocket] },
        { what: 'opened', who: 'hub', unit: '/s', rounds: [held.openedPerSecond] },
        { what: 'opened', who: chp.who, unit: '/s', rounds: [peer.openedPerSecond] },
      ],
      notes: ['memory is the difference of proportional set sizes at rest; one measurement each'],
    }
  },
}
