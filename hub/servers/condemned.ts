/**
 * Hosts that administrators took out of service: what runs there goes on, and nothing new is started. In the database,
 * so that all replicas and the next hub know; in memory, so that nobody waits for it.
 */
import type { Clock, Log } from '../context.ts'
import type { Database } from '../store/open.ts'

export type CondemnedHost = {
  readonly host: string
  readonly reason: string
  readonly by: string
  /** Epoch, ms. */
  readonly at: number
}

export type Condemned = {
  readonly list: () => readonly CondemnedHost[]
  /** One that is condemned already has a new reason. */
  readonly condemn: (host: string, why: Pick<CondemnedHost, 'reason' | 'by'>) => Promise<void>
  readonly restore: (host: string) => Promise<void>
  readonly onChange: (listener: () => void) => () => void
  readonly close: () => void
}

/** What another replica changed is taken up within this, ms. */
const refreshEvery = 5000

export const createCondemned = async (parts: {
  readonly db: Database
  readonly now: Clock
  readonly log: Log
}): Promise<Condemned> => {
  const { db, now, log } = parts
  const listeners = new Set<() => void>()
  let all: readonly CondemnedHost[] = []

  const read = async (): Promise<void> => {
    const rows = await db.selectFrom('condemned_hosts').selectAll().orderBy('host').execute()
    const found = rows.map(({ host, reason, set_by: by, set_at: at }) => ({ host, reason, by, at }))
    const changed = JSON.stringify(found) !== JSON.stringify(all)
    all = found
    if (changed) for (const listener of listeners) listener()
  }
  const timer = setInterval(
    () => void read().catch((err: unknown) => log.error({ err }, 'condemned hosts could not be read')),
    refreshEvery,
  ).unref()

  await read()
  return {
    list: () => all,
    condemn: async (host, { reason, by }) => {
      const values = { reason, set_by: by, set_at: now() }
      await db
        .insertInto('condemned_hosts')
        .values({ host, ...values })
        .onConflict((conflict) => conflict.column('host').doUpdateSet(values))
        .execute()
      await read()
    },
    restore: async (host) => {
      await db.deleteFrom('condemned_hosts').where('host', '=', host).execute()
      await read()
    },
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: () => clearInterval(timer),
  }
}
