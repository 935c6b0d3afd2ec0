/**
 * A condemned host takes no new servers; a locked one neither, and nobody stays connected to what runs there.
 */
import { closeCodes } from '../../protocol/frames.ts'
import type { Spawner } from '../../spawners/contract.ts'
import type { LiveSockets, PolicyView, Servers } from '../context.ts'
import type { Condemned } from '../servers/condemned.ts'

/** Returns how to look no more. */
export const watchHostLocks = (parts: {
  readonly policy: Pick<PolicyView, 'snapshot' | 'onChange'>
  readonly servers: Pick<Servers, 'row'>
  readonly live: Pick<LiveSockets, 'close'>
  readonly condemned: Pick<Condemned, 'list' | 'onChange'>
  readonly spawners: () => readonly Spawner[]
}): (() => void) => {
  const { policy, servers, live } = parts
  const look = (): void => {
    const hosts = new Set(policy.snapshot()?.locks.hosts)
    const closed = new Set([...hosts, ...parts.condemned.list().map(({ host }) => host)])
    for (const spawner of parts.spawners()) spawner.condemn?.(closed)
    if (hosts.size === 0) return
    live.close(({ account }) => {
      const host = account === undefined ? null : servers.row(account).host
      return host !== null && hosts.has(host)
    }, closeCodes.forbidden)
  }
  look()
  const stops = [policy.onChange(look), parts.condemned.onChange(look)]
  return () => {
    for (const stop of stops) stop()
  }
}
