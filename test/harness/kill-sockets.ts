/**
 * People's open pages without a screen: the browser's own stream code over real sockets, with every frame looked at
 * on its way. A number that is missed, or a picture that is not the server's, is a fault.
 */
import assert from 'node:assert/strict'
import { WebSocket } from 'ws'
import type { Frame } from '../../protocol/frames.ts'
import { openStream, parseFrame, type StreamParts } from '../../web/stream.ts'
import { until } from './until.ts'
import type { Visitor } from './visitor.ts'

export type Follower = {
  readonly name: string
  readonly isLive: () => boolean
  /** Epoch ms, of the hello of the present connection. */
  readonly liveSince: () => number
  /** As the page does when the server is said to be on again. */
  readonly nudge: () => void
  /** What was not as it should be. */
  readonly faults: () => readonly string[]
  readonly counts: () => { readonly connections: number; readonly resets: number; readonly deltas: number }
  /** Rows as text by kind and key. */
  readonly picture: () => ReadonlyMap<string, string>
  readonly close: () => void
}

type Hub = { readonly port: number; readonly url: string }

export const follow = (hub: Hub, visitor: Visitor, path: string): Follower => {
  const rows = new Map<string, string>()
  const faults: string[] = []
  const counts = { connections: 0, resets: 0, deltas: 0 }
  let live = false
  let liveSince = 0
  let last: { epoch: string; seq: number } | undefined

  /** What one connection says, told apart from what the code under test makes of it. */
  const inspect = (
    connection: { epoch: string | undefined; seq: number | undefined },
    frame: Frame,
  ): void => {
    switch (frame.type) {
      case 'hello':
        connection.epoch = frame.epoch
        if (last?.epoch === frame.epoch) connection.seq = last.seq
        return
      case 'reset':
        counts.resets += 1
        if (last !== undefined && last.epoch === connection.epoch && frame.seq < last.seq)
          faults.push(`${path}: a reset goes back from ${last.seq} to ${frame.seq}`)
        connection.seq = frame.seq
        break
      case 'delta':
        counts.deltas += 1
        if (connection.seq === undefined) faults.push(`${path}: a delta before anything else`)
        else if (frame.from !== connection.seq + 1)
          faults.push(`${path}: a delta from ${frame.from} after ${connection.seq}`)
        connection.seq = frame.seq
        break
      case 'tick':
        return
    }
    last = { epoch: connection.epoch ?? '', seq: connection.seq }
  }

  const parts: StreamParts = {
    connect: (target, on) => {
      counts.connections += 1
      const connection = { epoch: undefined, seq: undefined }
      const socket = new WebSocket(`ws://127.0.0.1:${hub.port}${target}`, {
        headers: {
          host: new URL(hub.url).host,
          origin: hub.url,
          cookie: visitor.cookieHeader(new URL(hub.url)),
        },
        perMessageDeflate: false,
      })
      let dropped = false
      socket.on('open', on.open)
      socket.on('message', (data) => {
        if (dropped) return
        const frame = parseFrame(String(data))
        if (frame === undefined) faults.push(`${path}: not a frame: ${String(data).slice(0, 100)}`)
        else inspect(connection, frame)
        on.message(String(data))
      })
      // As in a browser, whatever goes wrong is told by its close alone.
      socket.on('error', () => undefined)
      socket.on('close', (code) => on.close(code))
      return {
        close: () => {
          dropped = true
          socket.terminate()
        },
      }
    },
    after: (ms, run) => {
      const timer = setTimeout(run, ms)
      return () => clearTimeout(timer)
    },
    now: () => performance.now(),
    random: Math.random,
  }
  const stream = openStream(
    {
      url: path,
      apply: ({ reset, put, drop }) => {
        if (reset) rows.clear()
        for (const { kind, key, row } of put) rows.set(`${kind} ${key}`, JSON.stringify(row))
        for (const { kind, key } of drop) rows.delete(`${kind} ${key}`)
      },
      onState: ({ phase }) => {
        if (phase === 'signed-out' || phase === 'forbidden') faults.push(`${path}: ${phase}`)
        if (!live && phase === 'live') liveSince = Date.now()
        live = phase === 'live'
      },
      before: async (tries) => {
        if (tries === 0) return 'go'
        const answer = await visitor.ask('GET', '/api/session').catch(() => undefined)
        return answer?.status === 401 ? 'signed-out' : 'go'
      },
    },
    parts,
  )
  return {
    name: path,
    isLive: () => live,
    liveSince: () => liveSince,
    nudge: stream.nudge,
    faults: () => faults,
    counts: () => counts,
    picture: () => rows,
    close: stream.close,
  }
}

const differences = (
  mine: ReadonlyMap<string, string>,
  theirs: ReadonlyMap<string, string>,
): readonly string[] => [
  ...[...theirs]
    .filter(([key, row]) => mine.get(key) !== row)
    .map(([key, row]) => `${key}: ${mine.get(key)} ≠ ${row}`),
  ...[...mine.keys()].filter((key) => !theirs.has(key)).map((key) => `${key}: is not there any more`),
]

/** What somebody sees who was there all along is what somebody sees who comes just now. */
export const mustSeeTheSame = async (hub: Hub, visitor: Visitor, follower: Follower): Promise<void> => {
  const newcomer = follow(hub, visitor, follower.name)
  try {
    await until(() => newcomer.isLive() && newcomer.counts().resets > 0, 20_000)
    let found: readonly string[] = []
    await until(() => {
      found = differences(follower.picture(), newcomer.picture())
      return found.length === 0
    }, 20_000).catch(() => assert.fail(`${follower.name}:\n${found.slice(0, 10).join('\n')}`))
  } finally {
    newcomer.close()
  }
}
