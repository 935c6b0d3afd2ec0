/**
 * A spawner whose servers are HTTP servers of this process, reached through the real tunnel over a real socket.
 * What a test wants to go wrong, it does by hand: end one, hang one, make it unreachable.
 */
import type { Server } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { SpawnSettings } from '../../protocol/agent.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { version } from '../../protocol/version.ts'
import type { Handle, Spawner, StartProgress } from '../../spawners/contract.ts'
import { createTunnelClient, serveTunnel, type TunnelClient } from '../../wire/tunnel.ts'
import { temporaryDirectory } from './temporary.ts'

type Running = {
  readonly settings: SpawnSettings
  readonly tunnel: TunnelClient
  readonly end: () => void
  hung: boolean
  /** Why it does not answer. */
  busy: boolean
}

export type InProcessSpawner = Spawner & {
  /** What each start was given, in order. */
  readonly starts: SpawnSettings[]
  readonly running: ReadonlyMap<string, Running>
  /** Accounts to which a stream was asked for, in order. */
  readonly dials: string[]
  /** Accounts whose server was asked about, in order. */
  readonly polls: string[]
  /** As if it had ended by itself. */
  readonly kill: (account: string) => void
  readonly hang: (account: string, how?: 'busy') => void
  /** It answers again. */
  readonly wake: (account: string) => void
  /** Where the next server starts, and all the hosts there are. */
  host: string
  readonly hostNames: string[]
  readonly condemned: Set<string>
  /** What servers say of which product they are. */
  version: string
  /** While set, nothing reaches the host. */
  unreachable: boolean
  /** Awaited before a server is launched. */
  hold: () => Promise<void>
  /** Called after the handle was stored; may throw to fail the start. */
  launch: (progress: (event: StartProgress) => void | Promise<void>) => Promise<void>
}

/** `serve` makes the HTTP server of an account; it is never told to listen. */
export const inProcessSpawner = async (
  t: Pick<TestContext, 'after'>,
  serve: (settings: SpawnSettings) => Server,
): Promise<InProcessSpawner> => {
  const dir = await temporaryDirectory(t)
  const running = new Map<string, Running>()
  const starts: SpawnSettings[] = []
  const launches = new Map<string, Promise<Running>>()
  const listeners = new Set<(instance: string) => void>()
  let count = 0

  const bring = async (settings: SpawnSettings): Promise<Running> => {
    const http = serve(settings)
    const path = join(dir, `${++count}`)
    const sockets = new Set<Socket>()
    const listener = createServer((socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket)).on('error', () => socket.destroy())
      serveTunnel(socket, (stream) => http.emit('connection', stream))
    })
    await new Promise<void>((resolve) => listener.listen(path, resolve))
    const tunnel = createTunnelClient({
      onLost: () => {
        for (const listener of listeners) listener(settings.instance)
      },
      open: () =>
        new Promise((resolve, reject) => {
          const socket = connect(path, () => resolve(socket)).once('error', reject)
        }),
    })
    return {
      settings,
      tunnel,
      hung: false,
      busy: false,
      end: () => {
        for (const socket of sockets) socket.destroy()
        listener.close()
        http.closeAllConnections()
      },
    }
  }

  const reach = () => {
    if (spawner.unreachable) throw new SeneschalError('host.unreachable')
  }
  const find = (handle: Handle): Running | undefined => {
    const found = running.get(String(handle.account))
    return found?.settings.instance === handle.instance ? found : undefined
  }
  const end = (account: string) => {
    running.get(account)?.end()
    running.delete(account)
    launches.delete(account)
  }

  const spawner: InProcessSpawner = {
    starts,
    running,
    dials: [],
    polls: [],
    unreachable: false,
    host: 'here',
    hostNames: ['here', 'there'],
    condemned: new Set(),
    version,
    condemn: (hosts) => {
      spawner.condemned.clear()
      for (const host of hosts) spawner.condemned.add(host)
    },
    hosts: () =>
      spawner.hostNames.map((host) => ({
        host,
        labels: [],
        condemned: false,
        downUntil: null,
        measured: null,
      })),
    log: async () => ['It came up.', 'It serves.'],
    hold: async () => undefined,
    launch: async () => undefined,
    kill: end,
    onLost: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    hang: (account, how) => {
      const found = running.get(account)
      if (found !== undefined) Object.assign(found, { hung: true, busy: how === 'busy' })
    },
    wake: (account) => {
      const found = running.get(account)
      if (found !== undefined) found.hung = false
    },
    start: async (account, settings, progress, signal) => {
      starts.push(settings)
      reach()
      const host = [spawner.host, ...spawner.hostNames].find((name) => !spawner.condemned.has(name))
      if (host === undefined) throw new SeneschalError('host.condemned')
      const handle = { account, instance: settings.instance }
      await progress({ text: `Starting on ${host}.`, handle, host })
      await spawner.hold()
      signal.throwIfAborted()
      await spawner.launch(progress)
      signal.throwIfAborted()
      // Whoever comes second finds the first one's, as with the lock of the real agent.
      const launching = launches.get(account) ?? bring(settings)
      launches.set(account, launching)
      const found = await launching
      running.set(account, found)
      return { account, instance: found.settings.instance }
    },
    poll: async (handle) => {
      spawner.polls.push(String(handle.account))
      reach()
      const found = find(handle)
      if (found === undefined) return { state: 'exited', log: ['bye'] }
      return found.hung
        ? { state: 'silent', busy: found.busy }
        : { state: 'running', version: spawner.version, startedAt: 0, memory: 41_000_000 }
    },
    stop: async (handle) => {
      reach()
      const found = find(handle)
      if (found === undefined) return
      found.tunnel.close()
      end(String(handle.account))
    },
    dial: async (handle, signal) => {
      spawner.dials.push(String(handle.account))
      reach()
      const found = find(handle)
      if (found === undefined) throw new SeneschalError('server.off')
      // As behind a real tunnel: nobody refuses, and nobody answers.
      if (found.hung)
        await new Promise((_resolve, reject) =>
          signal?.addEventListener('abort', () => reject(signal.reason), { once: true }),
        )
      return await found.tunnel.dial(signal)
    },
    close: async () => {
      for (const [account, { tunnel }] of [...running]) {
        tunnel.close()
        end(account)
      }
    },
  }
  t.after(() => spawner.close())
  return spawner
}
