/** Who was there when: kept in memory, and written down apart from requests, which wait for no commit. */
import type { Database } from '../store/open.ts'

export type Presence = {
  readonly note: (session: string, at: number) => void
  /** What is not written down yet. */
  readonly seenAt: (session: string) => number | undefined
  readonly flush: () => Promise<void>
}

export const createPresence = (db: Database): Presence => {
  const seen = new Map<string, number>()
  return {
    note: (session, at) => void seen.set(session, at),
    seenAt: (session) => seen.get(session),
    flush: async () => {
      const batch = [...seen]
      seen.clear()
      if (batch.length === 0) return
      await db.transaction().execute(async (transaction) => {
        for (const [name, at] of batch)
          await transaction
            .updateTable('sessions')
            .set({ last_seen_at: at })
            .where('name', '=', name)
            .execute()
      })
    },
  }
}
