/** The way of an order to one daemon: its inbox, where that is mounted here, else the agent of its feed. */
import { join } from 'node:path'
import { putRequest } from '../../durable/inbox.ts'
import { callOrder } from '../../wire/agent-calls.ts'
import type { Transport } from '../../wire/transport.ts'
import type { DaemonConfig, SshFeed } from '../daemons/config.ts'
import type { PolicyKeeper } from '../policy-view.ts'
import type { OrderTarget } from './orders.ts'

export type TargetParts = {
  readonly site: string
  /** Of this hub. */
  readonly issuer: string
  readonly policy: Pick<PolicyKeeper, 'ordersTaken'>
  readonly isSilent: (daemon: string) => boolean
  readonly transport: (to: SshFeed) => Transport
}

/** A host that takes longer is asked again later, ms. */
const patience = 20_000

const wayTo = (
  { feed, directory }: DaemonConfig,
  parts: TargetParts,
): Pick<OrderTarget, 'file' | 'close'> => {
  if (feed !== undefined && 'ssh' in feed) {
    const transport = parts.transport(feed.ssh)
    return {
      file: async (id, order) => {
        await callOrder(transport, { version: 1, id, order }, { timeout: patience })
      },
      close: transport.close,
    }
  }
  const requests = join(directory, 'requests')
  return {
    file: (id, order) =>
      putRequest({
        temp: join(requests, '0_temp'),
        inbox: join(requests, '1_inbox'),
        id,
        body: { version: 1, id, order },
      }),
    close: () => undefined,
  }
}

export const orderTarget = (daemon: DaemonConfig, parts: TargetParts): OrderTarget => ({
  daemon: daemon.name,
  site: parts.site,
  ...wayTo(daemon, parts),
  taken: () => parts.policy.ordersTaken(daemon.name, parts.issuer),
  isSilent: () => parts.isSilent(daemon.name),
})
