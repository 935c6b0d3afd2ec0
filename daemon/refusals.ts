/**
 * Files that were refused, told one by one until somebody leaves so many that their number says more: whoever may write
 * to the inbox could else fill journal, audit log and `3_error` line by line.
 */

export type Refusals = {
  /** Whether this one is to be told by itself; what is not is counted. */
  readonly mayTell: (uid: number) => boolean
  /** Resolves when all that was counted is told. */
  readonly close: () => Promise<void>
}

export type RefusalRules = {
  /** In one minute, of one uid. */
  readonly most?: number | undefined
  readonly minuteMs?: number | undefined
  /** `count` files of that uid were refused beyond those that were told. */
  readonly tellCount: (uid: number, count: number) => Promise<void>
}

export const createRefusals = ({ most = 30, minuteMs = 60_000, tellCount }: RefusalRules): Refusals => {
  const minutes = new Map<number, { told: number; more: number; readonly timer: NodeJS.Timeout }>()
  const telling = new Set<Promise<void>>()

  const end = (uid: number): void => {
    const minute = minutes.get(uid)
    minutes.delete(uid)
    clearTimeout(minute?.timer)
    if (minute === undefined || minute.more === 0) return
    const told = tellCount(uid, minute.more)
    telling.add(told)
    // Rejects at the end of the daemon alone; whoever closes hears of it.
    told.then(
      () => telling.delete(told),
      () => undefined,
    )
  }

  return {
    mayTell: (uid) => {
      const minute = minutes.get(uid) ?? {
        told: 0,
        more: 0,
        timer: setTimeout(() => end(uid), minuteMs).unref(),
      }
      minutes.set(uid, minute)
      if (minute.told < most) {
        minute.told += 1
        return true
      }
      minute.more += 1
      return false
    },
    close: async () => {
      for (const uid of [...minutes.keys()]) end(uid)
      await Promise.all(telling)
    },
  }
}
