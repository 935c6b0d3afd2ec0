/** Stored servers: written before anything is launched, so that a killed hub finds what it started. */
import type { Handle } from '../../spawners/contract.ts'
import type { Database } from './open.ts'

export type StoredServer = {
  readonly account: string
  readonly state: 'starting' | 'on'
  readonly instance: string
  readonly host: string | null
  /** Null until it is decided where: nothing was launched yet. */
  readonly handle: Handle | null
  /** Epoch, ms. */
  readonly since: number
}

/** A run that was left on a host that nobody heard any more. */
export type LeftServer = {
  readonly account: string
  readonly instance: string
  readonly host: string
  readonly handle: Handle
  /** Epoch, ms. */
  readonly since: number
}

export type ServerStore = {
  readonly left: () => Promise<readonly LeftServer[]>
  /** Again: nothing changes. */
  readonly leave: (server: LeftServer) => Promise<void>
  readonly removeLeft: (server: Pick<LeftServer, 'account' | 'instance' | 'host'>) => Promise<void>
  readonly all: () => Promise<readonly StoredServer[]>
  readonly put: (server: StoredServer) => Promise<void>
  readonly remove: (account: string) => Promise<void>
}

export const createServerStore = (db: Database): ServerStore => ({
  all: async () => {
    const rows = await db.selectFrom('servers').selectAll().execute()
    return rows.map((row) => ({ ...row, handle: row.handle === null ? null : JSON.parse(row.handle) }))
  },
  put: async (server) => {
    const { account, ...rest } = {
      ...server,
      handle: server.handle === null ? null : JSON.stringify(server.handle),
    }
    await db
      .insertInto('servers')
      .values({ account, ...rest })
      .onConflict((conflict) => conflict.column('account').doUpdateSet(rest))
      .execute()
  },
  left: async () => {
    const rows = await db.selectFrom('left_servers').selectAll().execute()
    return rows.map((row) => ({ ...row, handle: JSON.parse(row.handle) }))
  },
  leave: async (server) => {
    await db
      .insertInto('left_servers')
      .values({ ...server, handle: JSON.stringify(server.handle) })
      .onConflict((conflict) => conflict.columns(['account', 'instance', 'host']).doNothing())
      .execute()
  },
  removeLeft: async ({ account, instance, host }) => {
    await db
      .deleteFrom('left_servers')
      .where('account', '=', account)
      .where('instance', '=', instance)
      .where('host', '=', host)
      .execute()
  },
  remove: async (account) => {
    await db.deleteFrom('servers').where('account', '=', account).execute()
  },
})
