/**
 * The locks that were set at this hub: in its database, so that all replicas have them, and in memory, so that nobody
 * waits for it. They count here at once; `orders.ts` tells the daemons.
 */
import { randomBytes } from 'node:crypto'
import type { Selectable } from 'kysely'
import { SeneschalError } from '../../protocol/errors.ts'
import { type Lock, type LockTarget, lock, locksAt, mostLocks } from '../../protocol/locks.ts'
import type { Clock, Log } from '../context.ts'
import type { Database } from '../store/open.ts'
import type { LocksTable } from '../store/tables.ts'

export type LockNames = ReturnType<typeof locksAt>

export type Locks = {
  /** Those that are not over, the latest first. */
  readonly list: () => readonly Lock[]
  readonly names: () => LockNames
  /** Goes up with each change, and is 0 where there never was one. */
  readonly version: () => number
  readonly newId: () => string
  /** What is locked already is locked once more, with an end and a reason of its own. Throws `lock.too-many`. */
  readonly set: (
    id: string,
    on: LockTarget,
    facts: Pick<Lock, 'reason' | 'until'> & { readonly by: string },
  ) => Promise<Lock>
  /** Resolves to the one that was lifted. Throws `lock.unknown`. */
  readonly lift: (id: string) => Promise<Lock>
  /** Reads what another replica changed, and forgets what is over. */
  readonly refresh: () => Promise<void>
  /** Called when others are in force than before. */
  readonly onChange: (listener: () => void) => () => void
}

const versionKey = 'locks-version'

const present = (row: Selectable<LocksTable>): Lock =>
  lock.parse({
    kind: row.kind,
    name: row.name,
    id: row.id,
    reason: row.reason,
    by: row.set_by,
    at: row.set_at,
    until: row.ends_at,
  })

export const createLocks = async (parts: {
  readonly db: Database
  readonly now: Clock
  readonly log: Log
}): Promise<Locks> => {
  const { db, now } = parts
  const listeners = new Set<() => void>()
  let all: readonly Lock[] = []
  let version = 0
  let told = ''

  const tell = (): void => {
    const text = JSON.stringify(locksAt(all, now()))
    if (text === told) return
    told = text
    for (const listener of listeners) listener()
  }
  const read = async (): Promise<void> => {
    const stored = await db
      .selectFrom('meta')
      .select('value')
      .where('key', '=', versionKey)
      .executeTakeFirst()
    const found = Number(stored?.value ?? 0)
    if (found === version) return tell()
    all = (await db.selectFrom('locks').selectAll().orderBy('set_at', 'desc').execute()).map(present)
    version = found
    tell()
  }
  /** Also past what a database had that was put back from a backup: the daemons remember the latest they saw. */
  const change = async (work: (transaction: Database) => Promise<void>): Promise<void> => {
    await db.transaction().execute(async (transaction) => {
      await work(transaction)
      const value = String(Math.max(version + 1, Math.floor(now() / 1000)))
      await transaction
        .insertInto('meta')
        .values({ key: versionKey, value })
        .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
        .execute()
    })
    await read()
  }
  const isOver = ({ until }: Pick<Lock, 'until'>): boolean => until !== null && until <= now()

  await read()
  return {
    list: () => all.filter((one) => !isOver(one)),
    names: () => locksAt(all, now()),
    version: () => version,
    newId: () => randomBytes(8).toString('hex'),
    set: async (id, on, { reason, until, by }) => {
      if (all.filter((one) => !isOver(one)).length >= mostLocks) throw new SeneschalError('lock.too-many')
      const made = lock.parse({ ...on, id, reason, by, at: now(), until })
      await change(async (transaction) => {
        await transaction
          .insertInto('locks')
          .values({
            id,
            kind: made.kind,
            name: made.name,
            reason,
            set_by: by,
            set_at: made.at,
            ends_at: until,
          })
          .execute()
      })
      return made
    },
    lift: async (id) => {
      const found = all.find((one) => one.id === id && !isOver(one))
      if (found === undefined) throw new SeneschalError('lock.unknown')
      await change(async (transaction) => {
        await transaction.deleteFrom('locks').where('id', '=', id).execute()
      })
      return found
    },
    refresh: async () => {
      if (all.some(isOver))
        await change(async (transaction) => {
          await transaction.deleteFrom('locks').where('ends_at', '<=', now()).execute()
        })
      else await read()
    },
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
