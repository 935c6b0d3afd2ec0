/**
 * Room on the daemon's disks for what must not wait when they are full: what makes less happen is still written and done,
 * from a reserve; everything else waits until there is room again.
 */
import { isOutOfRoom, openReserve, type Reserve } from '../durable/reserve.ts'
import { servedByReserve } from '../protocol/audit.ts'
import type { Accepted, DaemonEvent } from './events.ts'
import { requestKey } from './requests.ts'

export type Reserves = {
  /** Does it; where there is no room and something urgent waits, again and again, each time with more room. */
  readonly through: <T>(
    what: 'journal' | 'audit',
    work: () => Promise<T>,
    urgentWaits: () => boolean,
  ) => Promise<T>
  /** Since a disk was full, until the reserves are whole again. */
  readonly isFull: () => boolean
  readonly close: () => Promise<void>
}

const bytesEach = 2 * 1024 * 1024
const probeEvery = 2000

export const openReserves = async (parts: {
  readonly state: string
  readonly audit: string
  readonly bytes?: number
  readonly onFull: (full: boolean) => void
  readonly onProblem: (error: unknown) => void
}): Promise<Reserves> => {
  const bytes = parts.bytes ?? bytesEach
  const reserves: Readonly<Record<'journal' | 'audit', Reserve>> = {
    journal: await openReserve(parts.state, bytes),
    audit: await openReserve(parts.audit, bytes),
  }
  // A disk that is too small to keep any room has nothing to be waited for.
  const isKept = reserves.journal.isWhole() && reserves.audit.isWhole()
  let full = false
  let probing: Promise<void> | undefined

  const become = (now: boolean): void => {
    if (now === full) return
    full = now
    parts.onFull(now)
  }
  const probe = async (): Promise<void> => {
    const whole = [await reserves.journal.refill(), await reserves.audit.refill()]
    if (whole.every(Boolean)) become(false)
  }
  const timer = setInterval(() => {
    if (full)
      probing ??= probe()
        .catch(parts.onProblem)
        .finally(() => {
          probing = undefined
        })
  }, probeEvery).unref()

  return {
    isFull: () => full,
    through: async (what, work, urgentWaits) => {
      for (;;)
        try {
          return await work()
        } catch (error) {
          if (!isOutOfRoom(error)) throw error
          if (!isKept) throw error
          become(true)
          // A probe that fills it up at this moment would take the room away again.
          await probing
          if (!urgentWaits() || !(await reserves[what].give())) throw error
        }
    },
    close: async () => {
      clearInterval(timer)
      await probing
      await Promise.all([reserves.journal.close(), reserves.audit.close()])
    },
  }
}

export const isServed = ({ ask }: Pick<Accepted, 'ask'>): boolean => servedByReserve.has(ask.action)

/** Which events belong to something urgent: a request of that kind up to its answer, and a drain. */
export const createUrgency = (): ((event: DaemonEvent) => boolean) => {
  const open = new Set<string>()
  return (event) => {
    if (event.kind === 'drain') return event.on
    if (event.kind === 'accepted') {
      if (!isServed(event.request)) return false
      open.add(requestKey(event.request.uid, event.request.id))
      return true
    }
    return event.kind === 'done' && open.delete(requestKey(event.uid, event.id))
  }
}
