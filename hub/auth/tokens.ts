/**
 * Tokens of scripts. A token is read-only and speaks for its person within its scope, as far as the person's rights
 * reach now. Only its hash is stored; it is looked up by that, so no secret is compared.
 */
import type { Selectable } from 'kysely'
import { type TokenRow, type TokenScope, tokenSession } from '../../protocol/script-tokens.ts'
import { addressList } from '../address.ts'
import type { Clock } from '../context.ts'
import type { Database } from '../store/open.ts'
import type { ScriptTokensTable } from '../store/tables.ts'
import { hashOf } from './secrets.ts'
import { newToken } from './token-format.ts'

export type ScriptToken = {
  readonly row: TokenRow
  readonly displayName: string
  /** `oidc/NAME`, as the provider last said; undefined where that is older than the site allows. */
  readonly groups: readonly string[] | undefined
  readonly isFrom: (address: string) => boolean
}

export type NewScriptToken = Pick<
  TokenRow,
  'token' | 'name' | 'person' | 'scope' | 'createdAt' | 'expiresAt'
> & {
  readonly addresses: readonly string[] | null
}

export type ScriptTokens = {
  /** The secret is told here and never again. */
  readonly create: (asked: NewScriptToken) => Promise<{ readonly row: TokenRow; readonly token: string }>
  /** One that is neither revoked nor over; asleep or not. */
  readonly find: (secret: string) => Promise<ScriptToken | undefined>
  /** The same by the name of its session. */
  readonly byName: (session: string) => Promise<ScriptToken | undefined>
  /** The newest first; of everybody where no person is named. */
  readonly list: (person?: string) => Promise<readonly TokenRow[]>
  /** Undefined where there is none such, or it was revoked before. */
  readonly revoke: (token: string, by: string) => Promise<TokenRow | undefined>
  /** Those whose end came since it was last asked, each once. */
  readonly takeEnded: () => Promise<readonly TokenRow[]>
  /** Forgets those that were over long ago. */
  readonly prune: () => Promise<void>
}

/** One that is over is listed for so long, ms. */
const listedFor = 90 * 24 * 3_600_000

type Row = Selectable<ScriptTokensTable> & {
  readonly display_name: string | null
  readonly groups: string | null
  readonly groups_at: number | null
}

export const createScriptTokens = (parts: {
  readonly db: Database
  /** How old the provider's word about a person's groups may get, ms. */
  readonly groupsMaxAge: number
  readonly now: Clock
}): ScriptTokens => {
  const { db, groupsMaxAge, now } = parts

  const isAsleep = ({ groups_at: at }: Row): boolean => at === null || now() - at > groupsMaxAge
  const stateOf = (row: Row): TokenRow['state'] => {
    if (row.revoked_at !== null) return 'revoked'
    if (row.expires_at <= now()) return 'expired'
    return isAsleep(row) ? 'asleep' : 'good'
  }
  const present = (row: Row): TokenRow => ({
    token: row.token,
    name: row.name,
    person: row.person,
    scope: JSON.parse(row.scope) as TokenScope,
    addresses: row.addresses === null ? null : (JSON.parse(row.addresses) as readonly string[]),
    state: stateOf(row),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    usedAt: row.used_at,
    usedFrom: row.used_from,
    revokedBy: row.revoked_by,
  })
  const alive = (row: Row | undefined): ScriptToken | undefined => {
    if (row === undefined || row.revoked_at !== null || row.expires_at <= now()) return undefined
    const told = present(row)
    const bound = told.addresses === null ? undefined : addressList(told.addresses)
    return {
      row: told,
      displayName: row.display_name ?? row.person,
      groups: isAsleep(row) || row.groups === null ? undefined : (JSON.parse(row.groups) as string[]),
      isFrom: (address) => bound === undefined || bound(address),
    }
  }
  const rows = () =>
    db
      .selectFrom('script_tokens')
      .leftJoin('persons', 'persons.person', 'script_tokens.person')
      .selectAll('script_tokens')
      .select(['persons.display_name', 'persons.groups', 'persons.groups_at'])

  return {
    create: async ({ token, name, person, scope, addresses, createdAt, expiresAt }) => {
      const secret = newToken()
      await db
        .insertInto('script_tokens')
        .values({
          ...{ token, name, person },
          token_hash: hashOf(secret),
          scope: JSON.stringify(scope),
          addresses: addresses === null ? null : JSON.stringify(addresses),
          created_at: createdAt,
          expires_at: expiresAt,
          ...{ used_at: null, used_from: null, revoked_at: null, revoked_by: null, end_told_at: null },
        })
        .execute()
      const made = await rows().where('token', '=', token).executeTakeFirstOrThrow()
      return { row: present(made), token: secret }
    },
    find: async (secret) => alive(await rows().where('token_hash', '=', hashOf(secret)).executeTakeFirst()),
    byName: async (session) => {
      const token = session.slice(tokenSession('').length)
      return alive(await rows().where('token', '=', token).executeTakeFirst())
    },
    list: async (person) => {
      const all = rows().orderBy('script_tokens.created_at', 'desc')
      const chosen = person === undefined ? all : all.where('script_tokens.person', '=', person)
      return (await chosen.execute()).map(present)
    },
    revoke: async (token, by) => {
      const done = await db
        .updateTable('script_tokens')
        .set({ revoked_at: now(), revoked_by: by })
        .where('token', '=', token)
        .where('revoked_at', 'is', null)
        .executeTakeFirst()
      if (done.numUpdatedRows === 0n) return undefined
      const row = await rows().where('token', '=', token).executeTakeFirst()
      return row === undefined ? undefined : present(row)
    },
    takeEnded: async () => {
      const due = await rows()
        .where('script_tokens.expires_at', '<=', now())
        .where('revoked_at', 'is', null)
        .where('end_told_at', 'is', null)
        .execute()
      const taken: TokenRow[] = []
      for (const row of due) {
        const { numUpdatedRows } = await db
          .updateTable('script_tokens')
          .set({ end_told_at: now() })
          .where('token', '=', row.token)
          .where('end_told_at', 'is', null)
          .executeTakeFirst()
        // Another replica may have been faster.
        if (numUpdatedRows > 0n) taken.push(present(row))
      }
      return taken
    },
    prune: async () => {
      const before = now() - listedFor
      await db
        .deleteFrom('script_tokens')
        .where((is) => is.or([is('expires_at', '<=', before), is('revoked_at', '<=', before)]))
        .execute()
    },
  }
}
