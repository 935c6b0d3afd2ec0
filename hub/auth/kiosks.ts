/**
 * Kiosks: a credential that an administrator creates and one browser binds to itself by a key whose private half
 * never leaves it. It signs a nonce of ours each time it connects, and views the wall.
 */
import { createPublicKey, verify } from 'node:crypto'
import type { Selectable } from 'kysely'
import type { z } from 'zod/mini'
import type { KioskRow, kioskEnrol, kioskSession } from '../../protocol/api.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import type { Clock, Viewer } from '../context.ts'
import type { Database } from '../store/open.ts'
import type { KiosksTable } from '../store/tables.ts'
import { hashOf, isSecret, newSecret, randomWord } from './secrets.ts'

export type Kiosks = {
  /** The code enrols one browser, once, within an hour. */
  readonly create: (kiosk: {
    readonly id: string
    readonly name: string
    readonly accounts: readonly string[] | null
    readonly createdBy: string
    readonly expiresAt: number
  }) => Promise<{ readonly kiosk: KioskRow; readonly code: string }>
  readonly list: () => Promise<readonly KioskRow[]>
  readonly rename: (kiosk: string, name: string) => Promise<void>
  /** Those whose end came since it was last asked, each once; their sessions are dead. */
  readonly takeEnded: () => Promise<readonly KioskRow[]>
  /** Resolves to whether it was there and not yet revoked; its sessions are dead from then on. */
  readonly revoke: (kiosk: string) => Promise<boolean>
  /**
   * `before` is awaited before it is true; where that rejects the code stays good. Throws `kiosk.code-invalid` or, for a
   * key that is none, `input.invalid`.
   */
  readonly enrol: (
    request: z.infer<typeof kioskEnrol>,
    before: (kiosk: KioskRow) => Promise<unknown>,
  ) => Promise<KioskRow>
  /** Good for one minute and one use. Anybody gets one: who is enrolled is not told. */
  readonly nonce: (kiosk: string) => Promise<string>
  /** The cookie of a fresh session, for a signature over a nonce. Throws `kiosk.refused`. */
  readonly open: (request: z.infer<typeof kioskSession>) => Promise<string>
  /** The viewer behind a cookie. */
  readonly find: (cookie: string, address: string) => Promise<Viewer | undefined>
  /** Whether the kiosk with this person's name (`kiosk:ID`) is still enrolled. */
  readonly isOpen: (person: string) => Promise<boolean>
  /** Writes down when they were last seen, and drops what is too old. */
  readonly prune: () => Promise<void>
}

export const newKioskId = (): string => randomWord(10)
export const kioskPerson = (kiosk: string): string => `kiosk:${kiosk}`
/** The browser signs again before its session ends, seconds. */
export const kioskSessionSeconds = 3600

const codeFor = 3_600_000
const nonceFor = 60_000

const yearMs = 365 * 24 * 3_600_000
const endOf = (row: Selectable<KiosksTable>): number => row.expires_at ?? row.created_at + yearMs

const stateOf = (row: Selectable<KiosksTable>, at: number): KioskRow['state'] => {
  if (row.revoked_at !== null) return 'revoked'
  if (endOf(row) <= at) return 'expired'
  return row.enrolled_at !== null ? 'enrolled' : 'new'
}

const present = (row: Selectable<KiosksTable>, at: number): KioskRow => ({
  kiosk: row.kiosk,
  name: row.name,
  accounts: row.accounts === null ? null : (JSON.parse(row.accounts) as string[]),
  state: stateOf(row, at),
  createdBy: row.created_by,
  createdAt: row.created_at,
  enrolledAt: row.enrolled_at,
  expiresAt: endOf(row),
  seenAt: row.last_seen_at,
})

/** Typed by people: case, blanks and hyphens do not matter. */
const canonical = (code: string): string => code.toLowerCase().replace(/[\s-]/g, '')

const mustBeKey = (key: object): void => {
  try {
    createPublicKey({ key, format: 'jwk' })
  } catch (cause) {
    throw new SeneschalError('input.invalid', 'The key is not a point of P-256.', { cause })
  }
}

const isSigned = (jwk: string, nonce: string, signature: string): boolean => {
  const bytes = Buffer.from(signature, 'base64url')
  const key = createPublicKey({ key: JSON.parse(jwk) as object, format: 'jwk' })
  return (
    bytes.length === 64 && verify('sha256', Buffer.from(nonce), { key, dsaEncoding: 'ieee-p1363' }, bytes)
  )
}

export const createKiosks = (parts: { readonly db: Database; readonly now: Clock }): Kiosks => {
  const { db, now } = parts
  const seen = new Map<string, number>()
  const enrolled = async (kiosk: string) => {
    const row = await db
      .selectFrom('kiosks')
      .selectAll()
      .where('kiosk', '=', kiosk)
      .where('key', 'is not', null)
      .where('revoked_at', 'is', null)
      .executeTakeFirst()
    return row === undefined || endOf(row) <= now() ? undefined : row
  }

  return {
    create: async ({ id, name, accounts, createdBy, expiresAt }) => {
      const code = randomWord(20)
      const row = {
        kiosk: id,
        name,
        accounts: accounts === null ? null : JSON.stringify(accounts),
        code_hash: hashOf(code),
        code_until: now() + codeFor,
        key: null,
        created_by: createdBy,
        created_at: now(),
        enrolled_at: null,
        revoked_at: null,
        expires_at: expiresAt,
        last_seen_at: null,
        end_told_at: null,
      }
      await db.insertInto('kiosks').values(row).execute()
      return { kiosk: present(row, now()), code: code.replace(/.{5}(?=.)/g, '$&-') }
    },
    list: async () =>
      (await db.selectFrom('kiosks').selectAll().orderBy('created_at').execute()).map((row) =>
        present(row, now()),
      ),
    rename: async (kiosk, name) => {
      await db.updateTable('kiosks').set({ name }).where('kiosk', '=', kiosk).execute()
    },
    takeEnded: async () => {
      const ended = await db
        .updateTable('kiosks')
        .set({ end_told_at: now(), code_hash: null, key: null })
        .where('expires_at', '<=', now())
        .where('revoked_at', 'is', null)
        .where('end_told_at', 'is', null)
        .returningAll()
        .execute()
      for (const { kiosk } of ended)
        await db.deleteFrom('kiosk_sessions').where('kiosk', '=', kiosk).execute()
      return ended.map((row) => present(row, now()))
    },
    revoke: async (kiosk) => {
      const done = await db
        .updateTable('kiosks')
        .set({ revoked_at: now(), code_hash: null, key: null })
        .where('kiosk', '=', kiosk)
        .where('revoked_at', 'is', null)
        .executeTakeFirst()
      await db.deleteFrom('kiosk_sessions').where('kiosk', '=', kiosk).execute()
      return done.numUpdatedRows > 0n
    },
    enrol: ({ code, key }, before) =>
      db.transaction().execute(async (transaction) => {
        mustBeKey(key)
        const row = await transaction
          .updateTable('kiosks')
          .set({ key: JSON.stringify(key), enrolled_at: now(), code_hash: null, code_until: null })
          .where('code_hash', '=', hashOf(canonical(code)))
          .where('code_until', '>', now())
          .where('revoked_at', 'is', null)
          .returningAll()
          .executeTakeFirst()
        if (row === undefined || endOf(row) <= now()) throw new SeneschalError('kiosk.code-invalid')
        await before(present(row, now()))
        return present(row, now())
      }),
    nonce: async (kiosk) => {
      const nonce = newSecret()
      if ((await enrolled(kiosk)) !== undefined)
        await db
          .insertInto('kiosk_nonces')
          .values({ nonce_hash: hashOf(nonce), kiosk, expires_at: now() + nonceFor })
          .execute()
      return nonce
    },
    open: async ({ kiosk, nonce, signature }) => {
      const given = await db
        .deleteFrom('kiosk_nonces')
        .where('nonce_hash', '=', hashOf(nonce))
        .where('kiosk', '=', kiosk)
        .where('expires_at', '>', now())
        .returning('kiosk')
        .executeTakeFirst()
      const row = given === undefined ? undefined : await enrolled(kiosk)
      if (row?.key == null || !isSigned(row.key, nonce, signature)) throw new SeneschalError('kiosk.refused')
      const cookie = newSecret()
      await db
        .insertInto('kiosk_sessions')
        .values({
          id_hash: hashOf(cookie),
          name: randomWord(16),
          kiosk,
          expires_at: now() + kioskSessionSeconds * 1000,
        })
        .execute()
      return cookie
    },
    find: async (cookie, address) => {
      if (!isSecret(cookie)) return undefined
      const found = await db
        .selectFrom('kiosk_sessions')
        .innerJoin('kiosks', 'kiosks.kiosk', 'kiosk_sessions.kiosk')
        .selectAll('kiosks')
        .select('kiosk_sessions.name as session')
        .where('id_hash', '=', hashOf(cookie))
        .where('kiosk_sessions.expires_at', '>', now())
        .where('revoked_at', 'is', null)
        .executeTakeFirst()
      if (found === undefined || endOf(found) <= now()) return undefined
      seen.set(found.kiosk, now())
      return {
        kind: 'kiosk',
        session: found.session,
        person: kioskPerson(found.kiosk),
        name: found.name,
        groups: [],
        elevation: null,
        accounts: found.accounts === null ? null : (JSON.parse(found.accounts) as string[]),
        address,
      }
    },
    isOpen: async (person) => {
      const kiosk = person.slice(kioskPerson('').length)
      const isOpen = (await enrolled(kiosk)) !== undefined
      if (isOpen) seen.set(kiosk, now())
      return isOpen
    },
    prune: async () => {
      const batch = [...seen]
      seen.clear()
      for (const [kiosk, at] of batch)
        await db.updateTable('kiosks').set({ last_seen_at: at }).where('kiosk', '=', kiosk).execute()
      await db.deleteFrom('kiosk_nonces').where('expires_at', '<=', now()).execute()
      await db.deleteFrom('kiosk_sessions').where('expires_at', '<=', now()).execute()
    },
  }
}
