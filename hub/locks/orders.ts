/**
 * Tells the daemons which locks are in force here: a signed order in each inbox, again until the daemon's own snapshot
 * says that it was taken up. A daemon that is down finds it when it is back.
 */
import { randomUUIDv7 } from 'node:crypto'
import type { Lock } from '../../protocol/locks.ts'
import type { Clock, Log } from '../context.ts'
import type { Locks } from './keeper.ts'

export type OrderTarget = {
  readonly daemon: string
  /** The audience: a daemon takes no order that is for another site. */
  readonly site: string
  /** Puts the file into that daemon's inbox. */
  readonly file: (id: string, order: string) => Promise<void>
  /** The version that it took up last, as its snapshot says; undefined while there is none. */
  readonly taken: () => number | undefined
  /** It was not heard of lately: another file would only lie beside the one before. */
  readonly isSilent: () => boolean
  readonly close: () => void
}

export type LockOrders = {
  /** Whether each daemon has the present version. */
  readonly state: () => readonly { readonly daemon: string; readonly current: boolean }[]
  readonly close: () => Promise<void>
}

/** Looks so often whether something is to be told, ms. */
const lookEvery = 1000
/** What was not taken up is told again, ms: longer than a daemon takes for one, and than an order is good for. */
const againAfter = 65_000
const soonAgain = 5000

export const createLockOrders = (parts: {
  readonly locks: Pick<Locks, 'list' | 'version' | 'onChange' | 'refresh'>
  readonly targets: readonly OrderTarget[]
  readonly sign: (order: {
    readonly id: string
    readonly site: string
    readonly version: number
    readonly locks: readonly Lock[]
  }) => Promise<string>
  readonly now: Clock
  readonly log: Log
}): LockOrders => {
  const { locks, targets, now, log } = parts
  const tried = new Map<string, { readonly version: number; readonly at: number; readonly failed: boolean }>()
  let queue: Promise<void> = Promise.resolve()
  let closed = false

  const isCurrent = ({ taken }: OrderTarget): boolean => locks.version() === 0 || taken() === locks.version()

  const tellOne = async (target: OrderTarget): Promise<void> => {
    const version = locks.version()
    const before = tried.get(target.daemon)
    const isNew = before?.version !== version
    const pause = before?.failed === true ? soonAgain : againAfter
    if (!isNew && (target.isSilent() || now() - before.at < pause)) return
    const id = randomUUIDv7()
    try {
      const order = await parts.sign({ id, site: target.site, version, locks: locks.list() })
      await target.file(id, order)
      tried.set(target.daemon, { version, at: now(), failed: false })
    } catch (err) {
      if (before?.failed !== true || isNew)
        log.warn({ err, daemon: target.daemon }, 'the daemon could not be told of locks; tried again')
      tried.set(target.daemon, { version, at: now(), failed: true })
    }
  }
  const look = (): Promise<void> => {
    queue = queue.then(async () => {
      if (closed) return
      try {
        await locks.refresh()
      } catch (err) {
        log.error({ err }, 'locks could not be read')
      }
      await Promise.all(targets.filter((target) => !isCurrent(target)).map(tellOne))
    })
    return queue
  }

  const timer = setInterval(() => void look(), lookEvery).unref()
  const unlisten = locks.onChange(() => void look())
  return {
    state: () => targets.map((target) => ({ daemon: target.daemon, current: isCurrent(target) })),
    close: async () => {
      closed = true
      clearInterval(timer)
      unlisten()
      await queue
      for (const target of targets) target.close()
    },
  }
}
