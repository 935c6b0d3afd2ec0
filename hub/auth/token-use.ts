/** What a use of a token leaves behind: a count, when and whence it was last used, a record for each day and address. */
import type { AuditEntry } from '../../protocol/audit.ts'
import { type ErrorCode, SeneschalError } from '../../protocol/errors.ts'
import { tokenSession } from '../../protocol/script-tokens.ts'
import type { Audit, Clock, Log } from '../context.ts'
import { createRecently } from '../proxy/recently.ts'
import type { Database } from '../store/open.ts'
import type { ScriptToken } from './tokens.ts'

export type TokenUse = {
  /** Throws `rate.limited`. */
  readonly count: (token: ScriptToken) => void
  readonly note: (token: ScriptToken, address: string) => void
  /** What refuses it; recorded once an hour for each address, since whoever tries does so again and again. */
  readonly refused: (token: ScriptToken, address: string, code: ErrorCode) => SeneschalError
  /** Writes down when they were last used: apart from requests, which wait for no commit. */
  readonly flush: () => Promise<void>
}

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

export const createTokenUse = (parts: {
  readonly db: Database
  readonly audit: Pick<Audit, 'record'>
  readonly perMinute: number
  readonly now: Clock
  readonly log: Log
}): TokenUse => {
  const { db, now } = parts
  const used = createRecently(now, day)
  const refusals = createRecently(now, hour)
  const last = new Map<string, { readonly at: number; readonly from: string }>()
  /** Uses within the minute that began at `since`. */
  let counts = { since: now(), by: new Map<string, number>() }

  const record = (
    token: ScriptToken,
    address: string,
    entry: Pick<AuditEntry, 'event' | 'outcome' | 'code'>,
  ) => {
    const { row } = token
    parts.audit
      .record({
        ...entry,
        person: row.person,
        session: tokenSession(row.token),
        address,
        args: { token: row.token },
        tail: `${row.name} (${row.token})`,
      })
      // Reading goes on without an audit log.
      .catch((err: unknown) =>
        parts.log.error({ err, token: row.token }, 'the use of a token was not recorded'),
      )
  }

  return {
    count: ({ row: { token } }) => {
      if (now() - counts.since >= minute) counts = { since: now(), by: new Map() }
      const count = (counts.by.get(token) ?? 0) + 1
      counts.by.set(token, count)
      if (count > parts.perMinute) throw new SeneschalError('rate.limited')
    },
    note: (token, address) => {
      const at = now()
      last.set(token.row.token, { at, from: address })
      const key = JSON.stringify([token.row.token, Math.floor(at / day), address])
      if (used.isNew(key)) record(token, address, { event: 'token.used', outcome: 'done' })
    },
    refused: (token, address, code) => {
      if (refusals.isNew(JSON.stringify([token.row.token, address, code])))
        record(token, address, { event: 'token.refused', outcome: 'refused', code })
      return new SeneschalError(code)
    },
    flush: async () => {
      const batch = [...last]
      last.clear()
      if (batch.length === 0) return
      await db.transaction().execute(async (transaction) => {
        for (const [token, { at, from }] of batch)
          await transaction
            .updateTable('script_tokens')
            .set({ used_at: at, used_from: from })
            .where('token', '=', token)
            .execute()
      })
    },
  }
}
