/** A locked host takes no new servers, and nobody stays connected to what runs there. */
import { closeCodes } from '../../protocol/frames.ts'
import type { Spawner } from '../../spawners/contract.ts'
import type { LiveSockets, PolicyView, Servers, SiteView } from '../context.ts'

/** Returns how to look no more. */
export const watchHostLocks = (parts: {
  readonly policy: Pick<PolicyView, 'snapshot' | 'onChange'>
  readonly site: Pick<SiteView, 'accounts'>
  readonly servers: Pick<Servers, 'row'>
  readonly live: Pick<LiveSockets, 'close'>
  readonly spawner: (account: string) => Spawner
}): (() => void) => {
  const { policy, servers, live } = parts
  const look = (): void => {
    const hosts = new Set(policy.snapshot()?.locks.hosts)
    const spawners = new Set(parts.site.accounts().map(({ account }) => parts.spawner(account)))
    for (const spawner of spawners) spawner.condemn?.(hosts)
    if (hosts.size === 0) return
    live.close(({ account }) => {
      const host = account === undefined ? null : servers.row(account).host
      return host !== null && hosts.has(host)
    }, closeCodes.forbidden)
  }
  look()
  return policy.onChange(look)
}
