/** What the hub and a UI server need while nothing happens, and how fast a UI server says all it knows. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { openFeedWriter } from '../../durable/feed-writer.ts'
import { assertionType } from '../../protocol/tokens.ts'
import {
  account,
  audience,
  instanceRow,
  issuer,
  permissionsOf,
  put,
  taskRow,
  workflowRow,
} from '../../test/harness/ui-server.ts'
import { thriftyAllocator } from '../../wire/environment.ts'
import { createSigner, generateKey } from '../../wire/tokens.ts'
import { createTunnelClient } from '../../wire/tunnel.ts'
import { restingPss, startProgram } from '../processes.ts'
import { type Bench, type Figure, judged, type Row } from '../report/row.ts'
import { farProgram, makeLayout, startBenchSite } from '../site.ts'

const tasksPerCycle = 100

const rowsOf = (tasks: number) => {
  const names = Array.from({ length: Math.min(tasks, tasksPerCycle) }, (_, index) => `task_${index}`)
  return [
    put('workflow', 'clouds', workflowRow('clouds')),
    ...names.map((name) => put('task', `clouds/${name}`, taskRow('clouds', name))),
    ...Array.from({ length: tasks }, (_, index) => {
      const cycle = String(1 + Math.floor(index / tasksPerCycle))
      const name = names[index % names.length] ?? ''
      return put('instance', `clouds//${cycle}/${name}`, instanceRow('clouds', cycle, name))
    }),
  ]
}

/** One UI server with so many tasks: its memory at rest, and each time until a browser has all of them. */
const measureServer = async (bench: Bench, tasks: number) => {
  const { dir } = makeLayout(bench)
  const feedDir = join(dir, 'feed')
  mkdirSync(feedDir)
  const feed = await openFeedWriter({ dir: feedDir, dirMode: 0o750, fileMode: 0o640 })
  await feed.writeSnapshot(rowsOf(tasks), 1, Date.now())
  await feed.close()
  writeFileSync(join(feedDir, 'permissions.json'), JSON.stringify(permissionsOf(1, Date.now())))
  const signer = await createSigner(await generateKey())
  const socket = join(dir, 'socket')
  const settings = {
    ...{ version: 1, account, instance: audience.split('/')[1], host: 'localhost', socket, issuer },
    site: { inbox: join(dir, 'inbox'), temp: join(dir, 'temp'), feed: feedDir },
    hubKeys: signer.jwks(),
    idleMinutes: 20,
  }
  const server = await startProgram({
    command: process.execPath,
    args: [farProgram, 'uiserver'],
    env: { HOME: dir, ...thriftyAllocator },
    input: JSON.stringify(settings),
    isUp: (output) => output.includes('"ready":true'),
  })
  bench.defer(server.stop)
  const memory = await restingPss(server.pid)
  const tunnel = createTunnelClient({ open: async () => connect(socket) })
  bench.defer(() => tunnel.close())
  const first = async (): Promise<number> => {
    const iat = Math.floor(Date.now() / 1000)
    const token = await signer.sign(assertionType, {
      ...{ iss: issuer, aud: audience, sub: 'jacintar', groups: [], session: 's', elevation: null },
      ...{ iat, exp: iat + 60 },
    })
    const began = performance.now()
    const stream = await tunnel.dial()
    const browser = new WebSocket('ws://server/stream?workflow=clouds', {
      createConnection: () => stream as never,
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
      maxPayload: 256 * 1024 * 1024,
    })
    const rows = await new Promise<number>((resolve, reject) => {
      browser.once('error', reject)
      browser.on('message', (data: Buffer) => {
        const frame = JSON.parse(data.toString()) as {
          readonly type: string
          readonly put?: readonly unknown[]
        }
        if (frame.type === 'reset') resolve(frame.put?.length ?? 0)
      })
    })
    const took = performance.now() - began
    browser.terminate()
    if (rows < tasks) throw new Error(`${rows} rows of ${tasks}`)
    return took
  }
  const snapshots: number[] = []
  for (let round = 0; round < bench.rounds; round += 1) snapshots.push(await first())
  return { memory, snapshots }
}

export const memory: Row = {
  name: 'memory',
  title: 'memory at rest (PSS) of the built programs, and the first snapshot of a workflow',
  run: async (bench) => {
    const site = await startBenchSite(bench, {
      layout: makeLayout(bench),
      accounts: [account],
      spawner: { kind: 'local' },
    })
    const figures: Figure[] = [
      { what: 'hub at rest', who: 'hub', unit: 'MB', rounds: [(await restingPss(site.hub.pid)) / 1024] },
    ]
    for (const tasks of [40, 10_000]) {
      const { memory: kB, snapshots } = await measureServer(bench, tasks)
      const many = tasks.toLocaleString('en')
      figures.push(
        judged(
          { what: `at rest, ${many} tasks`, who: 'UI server', unit: 'MB', rounds: [kB / 1024] },
          '≤ 90 MB',
          (value) => value <= 90,
        ),
        judged(
          {
            what: `snapshot of ${many} tasks, received and parsed`,
            who: 'UI server',
            unit: 'ms',
            rounds: snapshots,
          },
          '≤ 1 s',
          (value) => value <= 1000,
        ),
      )
    }
    return { figures, notes: ['the first round of a snapshot is the server’s very first'] }
  },
}
