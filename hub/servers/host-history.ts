/** How loaded the hosts were, measured once a minute and kept in memory for some hours: a plot, and no record. */
import type { HostView, Spawner } from '../../spawners/contract.ts'
import type { Clock, Log, Servers } from '../context.ts'

export type HostCurves = {
  /** Width of a step, ms; the last one is under way. */
  readonly every: number
  readonly load: readonly (number | null)[]
  readonly memory: readonly (number | null)[]
}

export type HostHistory = {
  readonly of: (host: string) => HostCurves
  /** Asks all hosts once, and notes what they said. */
  readonly sample: () => Promise<void>
  /** Somebody looks: has them asked again, unless that was a moment ago. */
  readonly refresh: () => void
  readonly close: () => void
}

const sampleEvery = 60_000
const step = 300_000
const steps = 72
/** While somebody looks they are asked again after this, ms. */
const freshFor = 15_000
/** A spawner's own bounds are shorter; this one is for those that have none, ms. */
const patience = 20_000

/** Of one step: sums, for the mean. */
type Sums = { load: number; memory: number; count: number }

const mean = (sums: Sums | undefined, of: (sums: Sums) => number): number | null =>
  sums === undefined ? null : Math.round((of(sums) / sums.count) * 1000) / 1000

export const createHostHistory = (parts: {
  readonly spawners: () => readonly Spawner[]
  readonly servers: Pick<Servers, 'list'>
  readonly now: Clock
  readonly log: Log
}): HostHistory => {
  const { now, log } = parts
  /** By host and by number of the step. */
  const kept = new Map<string, Map<number, Sums>>()
  const stepOf = (time: number) => Math.floor(time / step)

  const note = ({ host, measured }: HostView, since: number): void => {
    // What was measured before is no news.
    if (measured === null || measured.at < since) return
    const sums = kept.get(host) ?? new Map<number, Sums>()
    kept.set(host, sums)
    const at = stepOf(measured.at)
    const before = sums.get(at) ?? { load: 0, memory: 0, count: 0 }
    const { total, available } = measured.memory
    sums.set(at, {
      load: before.load + measured.load[0] / measured.cores,
      memory: before.memory + (total === 0 ? 0 : 1 - available / total),
      count: before.count + 1,
    })
    for (const old of sums.keys()) if (old <= at - steps) sums.delete(old)
  }

  const sample = async (): Promise<void> => {
    const begun = now()
    const on = Map.groupBy(parts.servers.list(), ({ host }) => host)
    const accountsOn = (host: string) => (on.get(host) ?? []).map(({ account }) => account)
    const hosts = await Promise.all(
      parts.spawners().map(async (spawner) => {
        await spawner.sample?.(accountsOn, AbortSignal.timeout(patience))
        return spawner.hosts?.() ?? []
      }),
    )
    for (const view of hosts.flat()) note(view, begun)
    const present = new Set(hosts.flat().map(({ host }) => host))
    for (const host of kept.keys()) if (!present.has(host)) kept.delete(host)
  }

  let sampling: Promise<void> | undefined
  let sampledAt = Number.NEGATIVE_INFINITY
  const sampleOnce = (): Promise<void> => {
    sampling ??= sample().finally(() => {
      sampling = undefined
      sampledAt = now()
    })
    return sampling
  }
  const sampleUnasked = () =>
    void sampleOnce().catch((err: unknown) => log.warn({ err }, 'hosts could not be measured'))
  const timer = setInterval(sampleUnasked, sampleEvery).unref()

  return {
    of: (host) => {
      const last = stepOf(now())
      const sums = kept.get(host)
      const all = Array.from({ length: steps }, (_, index) => sums?.get(last - steps + 1 + index))
      return {
        every: step,
        load: all.map((one) => mean(one, ({ load }) => load)),
        memory: all.map((one) => mean(one, ({ memory }) => memory)),
      }
    },
    sample: sampleOnce,
    refresh: () => {
      if (now() - sampledAt >= freshFor) sampleUnasked()
    },
    close: () => clearInterval(timer),
  }
}
