/**
 * Runs that were left on hosts that nobody hears any more. Nobody knows whether they are dead, so each stays in the
 * store until its host answers, and is ended then.
 */
import type { Spawner } from '../../spawners/contract.ts'
import type { Log } from '../context.ts'
import type { LeftServer, ServerStore } from '../store/servers.ts'

export type Left = {
  /** In the store when it resolves. */
  readonly leave: (server: LeftServer) => Promise<void>
  readonly on: (host: string) => number
  /** Takes up what an earlier hub left behind. */
  readonly recover: () => Promise<void>
  readonly close: () => Promise<void>
}

export type LeftParts = {
  readonly store: Pick<ServerStore, 'left' | 'leave' | 'removeLeft'>
  readonly spawner: (account: string) => Pick<Spawner, 'stop'>
  /** It was found again, and is the account's server as before. */
  readonly isPresent: (server: LeftServer) => boolean
  readonly onEnded: (server: LeftServer) => Promise<void>
  readonly log: Log
  /** Between two tries, ms. */
  readonly everyMs?: number | undefined
}

const patience = 15_000

export const createLeft = (parts: LeftParts): Left => {
  const { store, log } = parts
  let kept: readonly LeftServer[] = []
  let sweeping: Promise<void> | undefined
  let isClosed = false

  const settle = async (server: LeftServer): Promise<void> => {
    const isEnded = !parts.isPresent(server)
    if (isEnded) await parts.spawner(server.account).stop(server.handle, AbortSignal.timeout(patience))
    await store.removeLeft(server)
    kept = kept.filter((one) => one !== server)
    if (isEnded) await parts.onEnded(server)
  }
  /** One after the other: the first that gets no answer speaks for the host. */
  const settleHost = async (servers: readonly LeftServer[]): Promise<void> => {
    for (const server of servers)
      try {
        if (isClosed) return
        await settle(server)
      } catch (err) {
        const { account, host } = server
        log.debug({ err, account, host }, 'a server that was left behind cannot be ended yet')
        return
      }
  }
  const sweep = (): void => {
    if (kept.length === 0) return
    const byHost = [...Map.groupBy(kept, ({ host }) => host).values()]
    sweeping ??= Promise.all(byHost.map(settleHost)).then(() => {
      sweeping = undefined
    })
  }
  const timer = setInterval(sweep, parts.everyMs ?? 10_000).unref()

  return {
    leave: async (server) => {
      await store.leave(server)
      kept = [...kept, server]
    },
    on: (host) => kept.filter((one) => one.host === host).length,
    recover: async () => {
      kept = await store.left()
      sweep()
    },
    close: async () => {
      isClosed = true
      clearInterval(timer)
      await sweeping
    },
  }
}
