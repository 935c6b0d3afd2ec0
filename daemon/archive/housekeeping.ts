/** Once a day, and at the start: answered requests are archived, old archives and forgotten files go. */
import { setTimeout as sleep } from 'node:timers/promises'
import { milliseconds } from '../../config/schemas.ts'
import { dayOf } from '../../durable/chain-record.ts'
import type { DaemonConfig } from '../config.ts'
import type { SiteLayout } from '../layout.ts'
import type { Log } from '../log.ts'
import { consolidate } from './consolidate.ts'
import { dropOldArchives, sweepTemporary } from './retention.ts'

export type HousekeepingParts = {
  readonly layout: SiteLayout
  readonly retention: DaemonConfig['retention']
  readonly now: () => number
  readonly log: Log
  /** Told what failed, and with null when it worked again. */
  readonly onProblem: (error: unknown) => void
  readonly signal: AbortSignal
}

/** How often somebody looks whether a day is over, ms; and how soon again after a failure. */
const lookInterval = 60_000

export const keepHouse = async (parts: Omit<HousekeepingParts, 'onProblem'>): Promise<void> => {
  const { layout, retention, log, signal } = parts
  const now = parts.now()
  for (const directory of [layout.finished, layout.error]) {
    if (signal.aborted) return
    const before = now - milliseconds(retention.loose)
    const archived = await consolidate({ directory, before, signal })
    if (archived > 0) log.info({ directory, archived }, 'requests of earlier days are archived')
    const keep = { since: now - milliseconds(retention.requests), bytes: retention.requestsBytes }
    const removed = await dropOldArchives(directory, keep)
    if (removed.length > 0) log.info({ directory, removed }, 'archives beyond what is kept are gone')
  }
  const swept = await sweepTemporary(layout.temp, now - milliseconds(retention.temporary))
  if (swept > 0) log.info({ directory: layout.temp, swept }, 'files that nobody finished are gone')
}

/** Resolves when the signal is aborted. */
export const startHousekeeping = async (parts: HousekeepingParts): Promise<void> => {
  let done = ''
  while (!parts.signal.aborted) {
    const today = dayOf(parts.now())
    if (done !== today)
      try {
        await keepHouse(parts)
        done = today
        parts.onProblem(null)
      } catch (error) {
        parts.onProblem(error)
      }
    await sleep(lookInterval, undefined, { signal: parts.signal, ref: false }).catch(() => undefined)
  }
}
