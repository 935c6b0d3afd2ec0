/** Sign-ins and elevations under way: what must come back from the provider, once and within ten minutes. */
import type { Selectable } from 'kysely'
import type { Clock } from '../context.ts'
import type { Database } from '../store/open.ts'
import type { LoginAttemptsTable } from '../store/tables.ts'
import { hashOf, isSecret, newSecret } from './secrets.ts'

export type Attempt = Omit<Selectable<LoginAttemptsTable>, 'state_hash'>
export type NewAttempt = Omit<Attempt, 'nonce' | 'verifier' | 'created_at'>
export type Started = Pick<Attempt, 'nonce' | 'verifier'> & { readonly state: string }

export type Attempts = {
  readonly start: (attempt: NewAttempt) => Promise<Started>
  /** Takes an attempt out, so that its state is good once; undefined for one that is not there or too old. */
  readonly take: (state: string) => Promise<Attempt | undefined>
  readonly prune: () => Promise<void>
}

const lifetime = 10 * 60_000

export const createAttempts = (parts: { readonly db: Database; readonly now: Clock }): Attempts => {
  const { db, now } = parts
  return {
    start: async (attempt) => {
      const state = newSecret()
      const secrets = { nonce: newSecret(), verifier: newSecret() }
      await db
        .insertInto('login_attempts')
        .values({ ...attempt, ...secrets, state_hash: hashOf(state), created_at: now() })
        .execute()
      return { ...secrets, state }
    },
    take: async (state) => {
      if (!isSecret(state)) return undefined
      const taken = await db
        .deleteFrom('login_attempts')
        .where('state_hash', '=', hashOf(state))
        .returningAll()
        .executeTakeFirst()
      return taken === undefined || taken.created_at <= now() - lifetime ? undefined : taken
    },
    prune: async () => {
      await db
        .deleteFrom('login_attempts')
        .where('created_at', '<=', now() - lifetime)
        .execute()
    },
  }
}
