/** One tunnel per server, shared by all streams to it, opened when first needed and again when it broke. */
import type { Duplex } from 'node:stream'
import { createTunnelClient, type TunnelClient } from '../wire/tunnel.ts'

export type Tunnels = {
  /** The one at this place, if it leads to this instance; else a new one in its stead. */
  readonly to: (
    place: string,
    instance: string,
    open: (signal: AbortSignal) => Promise<Duplex>,
  ) => TunnelClient
  /** Ends its streams; of `instance` alone, where that is said. */
  readonly drop: (place: string, instance?: string) => void
  /** As in the contract of spawners. */
  readonly onLost: (listener: (instance: string) => void) => () => void
  readonly close: () => void
}

export const createTunnels = (): Tunnels => {
  const tunnels = new Map<string, { readonly instance: string; readonly tunnel: TunnelClient }>()
  const listeners = new Set<(instance: string) => void>()

  const drop: Tunnels['drop'] = (place, instance) => {
    const present = tunnels.get(place)
    if (present === undefined || (instance !== undefined && present.instance !== instance)) return
    present.tunnel.close()
    tunnels.delete(place)
  }

  return {
    to: (place, instance, open) => {
      const present = tunnels.get(place)
      if (present?.instance === instance) return present.tunnel
      drop(place)
      const tunnel = createTunnelClient({
        open,
        onLost: () => {
          for (const listener of listeners) listener(instance)
        },
      })
      tunnels.set(place, { instance, tunnel })
      return tunnel
    },
    drop,
    onLost: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: () => {
      for (const place of [...tunnels.keys()]) drop(place)
    },
  }
}
