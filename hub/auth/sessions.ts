/**
 * Sessions. A browser holds a random cookie, the database its hash. The session's public name stays for as long
 * as somebody is signed in; the cookie is replaced at each change of privilege, and the one before is dead.
 */
import type { Selectable } from 'kysely'
import { z } from 'zod/mini'
import type { ElevationClass } from '../../protocol/permissions.ts'
import type { SessionRow } from '../../protocol/sessions.ts'
import type { Elevation } from '../../protocol/tokens.ts'
import type { Clock } from '../context.ts'
import type { Database } from '../store/open.ts'
import type { SessionsTable } from '../store/tables.ts'
import type { ProviderTokens } from './identity.ts'
import { createPresence } from './presence.ts'
import type { Seal } from './seal.ts'
import { hashOf, isSecret, newSecret, randomWord } from './secrets.ts'

export type Session = {
  readonly name: string
  readonly person: string
  readonly displayName: string
  readonly issuer: string
  readonly subject: string
  /** `oidc/NAME`, as the provider last said. */
  readonly groups: readonly string[]
  readonly csrf: string
  readonly expiresAt: number
  /** As stored: may be over. */
  readonly elevation: Elevation | null
  /** When the last elevation ended or will end; null once it was dropped. */
  readonly elevatedUntil: number | null
  readonly idToken: string | null
  /** When the provider last told the groups; null where it cannot be asked again. */
  readonly toldAt: number | null
}

export type NewSession = Omit<Session, 'name' | 'csrf' | 'elevation' | 'elevatedUntil' | 'toldAt'> & {
  /** For one of which the provider said nothing: its name tells how it came to be. */
  readonly name?: string
  /** Raised from the beginning, for one that nobody authenticates again. */
  readonly raised?: { readonly class: ElevationClass; readonly until: number }
  /** Where it began, and what browser said it was. */
  readonly from?: { readonly address: string; readonly device: string | null }
  readonly providerSid: string | null
  readonly tokens: ProviderTokens
}
export type Raise = {
  readonly class: ElevationClass
  readonly until: number
  readonly reason: string | null
  readonly groups: readonly string[]
  readonly providerSid: string | null
  readonly idToken: string
  readonly tokens: ProviderTokens
}
/** Which sessions a logout means. */
export type Which =
  | { readonly name: string }
  | { readonly issuer: string; readonly sid: string }
  | { readonly issuer: string; readonly subject: string }
  /** All of a person but one. */
  | { readonly person: string; readonly but: string }

/** What the provider can be asked with. `stamp` is another as soon as anything else is kept. */
export type KeptTokens = { readonly tokens: ProviderTokens; readonly stamp: string }

export type Sessions = {
  /** The session of a cookie; undefined where there is none or its time is over. */
  readonly find: (cookie: string) => Promise<Session | undefined>
  readonly byName: (name: string) => Promise<Session | undefined>
  /** The same as it is now, after something was waited for; as fresh as `find`. */
  readonly still: (session: Session) => Promise<Session | undefined>
  /** The latest of a person, for the groups that it has. */
  readonly latestOf: (person: string) => Promise<Session | undefined>
  /** Those that go on, of everybody where no person is named; the latest first. */
  readonly list: (person?: string) => Promise<readonly Omit<SessionRow, 'own'>[]>
  readonly create: (session: NewSession) => Promise<{ readonly session: Session; readonly cookie: string }>
  /** Raise privileges under a new cookie; undefined where the session ended meanwhile. */
  readonly raise: (name: string, raise: Raise) => Promise<string | undefined>
  /** Back to read-only under a new cookie; undefined where the session ended meanwhile. */
  readonly drop: (name: string) => Promise<string | undefined>
  /** Whether nobody asked the provider about it just now, here or in another replica. */
  readonly claimAsking: (name: string) => Promise<boolean>
  /** Undefined where nothing is kept, or another key sealed it. */
  readonly tokensOf: (name: string) => Promise<KeptTokens | undefined>
  /**
   * What the provider said when it was asked again; resolves to whether it still counts: not where the person signed in
   * once more meanwhile, to raise, since what was said then is newer.
   */
  readonly retell: (
    name: string,
    told: KeptTokens & { readonly groups: readonly string[] },
  ) => Promise<boolean>
  /** Ends sessions; resolves to those that did. With a stamp, only where the provider was asked with nothing newer. */
  readonly end: (which: Which, stamp?: string) => Promise<readonly Session[]>
  /** Takes raised privileges away whose time is over, or all of them; resolves to those it took them from. */
  readonly fallBack: (which: 'over' | 'all') => Promise<readonly Session[]>
  readonly endExpired: () => Promise<readonly Session[]>
  /** Writes down who was there: apart from requests, which wait for no commit. */
  readonly flushSeen: () => Promise<void>
}

/** The provider is asked about a session this often at most, ms, whatever it answers. */
const askEvery = 10_000
const providerTokens = z.strictObject({ refresh: z.optional(z.string()), access: z.optional(z.string()) })

/** How old an answer about a session may be, ms: another replica's logout is felt within this. */
const cacheFor = 1000
const cacheSize = 20_000

const present = (row: Selectable<SessionsTable>): Session => ({
  name: row.name,
  person: row.person,
  displayName: row.display_name,
  issuer: row.issuer,
  subject: row.subject,
  groups: JSON.parse(row.groups) as readonly string[],
  csrf: row.csrf,
  expiresAt: row.expires_at,
  elevation:
    row.elevation_class === null || row.elevation_until === null
      ? null
      : { class: row.elevation_class, until: row.elevation_until },
  elevatedUntil: row.elevation_until,
  idToken: row.id_token,
  toldAt: row.told_at,
})

type Cached = { readonly session: Session; readonly at: number }

export const createSessions = (parts: {
  readonly db: Database
  readonly seal: Seal
  readonly now: Clock
}): Sessions => {
  const { db, seal, now } = parts
  const cache = new Map<string, Cached>()
  const presence = createPresence(db)

  /** Raised privileges that should have ended and stand there because the database takes no changes. */
  let noneRaised = false
  const alive = (session: Session | undefined) => {
    if (session === undefined || session.expiresAt <= now()) return undefined
    return noneRaised && session.elevation !== null ? { ...session, elevation: null } : session
  }

  // A change empties the cache: changes are rare, and what is read again costs 50 µs.
  // A read that began before it must not put back what it found: hence the generation.
  let generation = 0
  const read = new WeakMap<Session, { readonly in: number; readonly at: number }>()
  const changed = async <T>(change: Promise<T>): Promise<T> => {
    try {
      return await change
    } finally {
      generation += 1
      cache.clear()
    }
  }

  const byName = async (name: string): Promise<Session | undefined> => {
    const [began, at] = [generation, now()]
    const row = await db.selectFrom('sessions').selectAll().where('name', '=', name).executeTakeFirst()
    const session = row === undefined ? undefined : present(row)
    if (session !== undefined) read.set(session, { in: began, at })
    return alive(session)
  }

  const replaceCookie = async (name: string, values: Partial<SessionsTable>): Promise<string | undefined> => {
    const cookie = newSecret()
    const done = await changed(
      db
        .updateTable('sessions')
        .set({ ...values, id_hash: hashOf(cookie), csrf: newSecret() })
        .where('name', '=', name)
        .executeTakeFirst(),
    )
    return done.numUpdatedRows > 0n ? cookie : undefined
  }

  /** What the provider said of a person stays when the session goes: for their tokens, and for the sealed key. */
  const remember = async (name: string, groups: readonly string[], displayName?: string): Promise<void> => {
    await db
      .updateTable('persons')
      .set({
        groups: JSON.stringify(groups),
        groups_at: now(),
        ...(displayName === undefined ? {} : { display_name: displayName }),
      })
      .where('person', 'in', (of) => of.selectFrom('sessions').select('person').where('name', '=', name))
      .execute()
  }

  /** Columns for what the provider gave to ask it with, and for when it told the groups. */
  const kept = (name: string, tokens: ProviderTokens) =>
    tokens.refresh === undefined && tokens.access === undefined
      ? { provider_tokens: null, told_at: null }
      : { provider_tokens: seal.close(JSON.stringify(tokens), name), told_at: now() }

  return {
    find: async (cookie) => {
      if (!isSecret(cookie)) return undefined
      const hash = hashOf(cookie)
      const at = now()
      const cached = cache.get(hash)
      if (cached !== undefined && at - cached.at < cacheFor) return alive(cached.session)
      const began = generation
      const row = await db.selectFrom('sessions').selectAll().where('id_hash', '=', hash).executeTakeFirst()
      const session = row === undefined ? undefined : present(row)
      if (cache.size >= cacheSize) cache.clear()
      if (session !== undefined) {
        read.set(session, { in: began, at })
        if (began === generation) cache.set(hash, { session, at })
        presence.note(session.name, at)
      }
      return alive(session)
    },
    byName,
    still: async (session) => {
      const known = read.get(session)
      const isSame = known?.in === generation && now() - known.at < cacheFor
      return isSame ? alive(session) : byName(session.name)
    },
    latestOf: async (person) => {
      const row = await db
        .selectFrom('sessions')
        .selectAll()
        .where('person', '=', person)
        .orderBy('created_at', 'desc')
        .executeTakeFirst()
      return row === undefined ? undefined : alive(present(row))
    },
    list: async (person) => {
      const all = db
        .selectFrom('sessions')
        .selectAll()
        .where('expires_at', '>', now())
        .orderBy('created_at', 'desc')
        .orderBy('name')
      const rows = await (person === undefined ? all : all.where('person', '=', person)).execute()
      return rows.map((row) => {
        const { elevation } = alive(present(row)) ?? { elevation: null }
        return {
          session: row.name,
          person: row.person,
          device: row.device,
          address: row.address,
          since: row.created_at,
          seenAt: Math.max(row.last_seen_at, presence.seenAt(row.name) ?? 0),
          expiresAt: row.expires_at,
          elevation: elevation !== null && elevation.until > now() ? elevation : null,
        }
      })
    },
    create: async (session) => {
      const cookie = newSecret()
      const name = session.name ?? randomWord(16)
      const row = {
        name,
        id_hash: hashOf(cookie),
        person: session.person,
        display_name: session.displayName,
        issuer: session.issuer,
        subject: session.subject,
        groups: JSON.stringify(session.groups),
        csrf: newSecret(),
        created_at: now(),
        expires_at: session.expiresAt,
        last_seen_at: now(),
        elevation_class: session.raised?.class ?? null,
        elevation_until: session.raised?.until ?? null,
        elevation_reason: null,
        provider_sid: session.providerSid,
        raised_sid: null,
        id_token: session.idToken,
        asked_at: null,
        address: session.from?.address ?? null,
        device: session.from?.device ?? null,
        ...kept(name, session.tokens),
      }
      await changed(db.insertInto('sessions').values(row).execute())
      if (session.name === undefined) await remember(name, session.groups, session.displayName)
      return { session: present(row), cookie }
    },
    raise: async (name, raise) => {
      await remember(name, raise.groups)
      return replaceCookie(name, {
        elevation_class: raise.class,
        elevation_until: raise.until,
        elevation_reason: raise.reason,
        groups: JSON.stringify(raise.groups),
        raised_sid: raise.providerSid,
        id_token: raise.idToken,
        ...kept(name, raise.tokens),
      })
    },
    drop: (name) =>
      replaceCookie(name, { elevation_class: null, elevation_until: null, elevation_reason: null }),
    claimAsking: async (name) => {
      const claimed = await db
        .updateTable('sessions')
        .set({ asked_at: now() })
        .where('name', '=', name)
        .where((is) => is.or([is('asked_at', 'is', null), is('asked_at', '<=', now() - askEvery)]))
        .executeTakeFirst()
      return claimed.numUpdatedRows > 0n
    },
    tokensOf: async (name) => {
      const row = await db
        .selectFrom('sessions')
        .select('provider_tokens')
        .where('name', '=', name)
        .executeTakeFirst()
      const sealed = row?.provider_tokens ?? null
      const opened = sealed === null ? undefined : seal.open(sealed, name)
      if (sealed === null || opened === undefined) return undefined
      return { tokens: providerTokens.parse(JSON.parse(opened)), stamp: sealed }
    },
    retell: async (name, told) => {
      const values = { groups: JSON.stringify(told.groups), ...kept(name, told.tokens) }
      const done = await changed(
        db
          .updateTable('sessions')
          .set(values)
          .where('name', '=', name)
          .where('provider_tokens', '=', told.stamp)
          .executeTakeFirst(),
      )
      if (done.numUpdatedRows === 0n) return false
      await remember(name, told.groups)
      return true
    },
    end: async (which, stamp) => {
      const all = db.deleteFrom('sessions').returningAll()
      const ended = stamp === undefined ? all : all.where('provider_tokens', '=', stamp)
      const chosen =
        'name' in which
          ? ended.where('name', '=', which.name)
          : 'sid' in which
            ? ended
                .where('issuer', '=', which.issuer)
                .where((is) => is.or([is('provider_sid', '=', which.sid), is('raised_sid', '=', which.sid)]))
            : 'subject' in which
              ? ended.where('issuer', '=', which.issuer).where('subject', '=', which.subject)
              : ended.where('person', '=', which.person).where('name', '!=', which.but)
      return (await changed(chosen.execute())).map(present)
    },
    fallBack: async (which) => {
      noneRaised ||= which === 'all'
      const due = db.selectFrom('sessions').select('name').where('elevation_class', 'is not', null)
      const names = await (which === 'all' ? due : due.where('elevation_until', '<=', now())).execute()
      if (which === 'all' && names.length === 0) noneRaised = false
      if (names.length === 0) return []
      const change = db
        .updateTable('sessions')
        .set({ elevation_class: null, elevation_reason: null })
        .where('elevation_class', 'is not', null)
        .returningAll()
      const chosen = which === 'all' ? change : change.where('elevation_until', '<=', now())
      const fallen = (await changed(chosen.execute())).map(present)
      if (which === 'all') noneRaised = false
      return fallen
    },
    endExpired: async () => {
      const at = now()
      const due = await db
        .selectFrom('sessions')
        .select('name')
        .where('expires_at', '<=', at)
        .limit(1)
        .executeTakeFirst()
      if (due === undefined) return []
      return (
        await changed(db.deleteFrom('sessions').where('expires_at', '<=', at).returningAll().execute())
      ).map(present)
    },
    flushSeen: presence.flush,
  }
}
