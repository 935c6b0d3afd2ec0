/**
 * The hub's side of the sealed key: believes signed orders alone, lets one browser in for each, tells the records, the
 * log and all administrators that it is open, and closes it when its minutes are over.
 */
import type { Selectable } from 'kysely'
import { rolesOf } from '../../policy/roles.ts'
import type { AuditEntry } from '../../protocol/audit.ts'
import { asSeneschalError, SeneschalError } from '../../protocol/errors.ts'
import { closeCodes } from '../../protocol/frames.ts'
import { breakGlassSession } from '../../protocol/script-tokens.ts'
import { hashOf } from '../auth/secrets.ts'
import type { Session, Sessions } from '../auth/sessions.ts'
import type { Audit, Clock, LiveSockets, Log } from '../context.ts'
import { keptOut } from '../gate/checks/admitted.ts'
import type { GateParts } from '../gate/visit.ts'
import type { Groups } from '../groups.ts'
import type { Database } from '../store/open.ts'
import type { BreakGlassTable } from '../store/tables.ts'
import { underWay } from './host.ts'
import { type Order, verifyOrder } from './order.ts'
import { readPublicKey } from './sealed-key.ts'

export type OpenDoor = { readonly session: string; readonly person: string; readonly until: number }

export type BreakGlass = {
  /** Lets the browser in that brings the code, once. Throws `break-glass.code-invalid`, or what keeps the person out. */
  readonly redeem: (
    code: string,
    from: { readonly address: string; readonly device: string | null },
  ) => Promise<{ readonly session: Session; readonly cookie: string }>
  /** Sessions that began with the sealed key and go on, as of the last look. */
  readonly doors: () => readonly OpenDoor[]
  /** Tells of what was ordered and tried on the host, and of what ended. */
  readonly look: () => Promise<void>
  /** Forgets what ended long ago; the records keep it. */
  readonly prune: () => Promise<void>
}

export type BreakGlassParts = Pick<GateParts, 'policy' | 'site' | 'allowAccountNames'> & {
  readonly db: Database
  readonly keys: string
  /** Public address of this hub. */
  readonly hub: string
  readonly sessions: Pick<Sessions, 'create' | 'byName' | 'end'>
  readonly groups: Groups
  readonly audit: Pick<Audit, 'record'>
  readonly live: Pick<LiveSockets, 'close'>
  readonly now: Clock
  readonly log: Log
}

type Row = Selectable<BreakGlassTable>

/** For what is told of one that was found good before. */
const orderAsItStands = (row: Row): Pick<Order, 'person' | 'until'> =>
  JSON.parse(row.order) as Pick<Order, 'person' | 'until'>

/** A try that says nothing for so long was killed before it could, ms. */
const tryMayTake = 60_000
/** Between the code and the session, ms. */
const lettingInMayTake = 10_000
/** For what is over, ms: as for tokens. */
const keptFor = 90 * 24 * 3_600_000

export const createBreakGlass = (parts: BreakGlassParts): BreakGlass => {
  const { db, sessions, audit, live, now, log } = parts
  let open: readonly OpenDoor[] = []

  /** The order of a row; undefined for one that the sealed key did not sign for this hub as it stands there. */
  const orderOf = async (row: Row): Promise<Order | undefined> => {
    const key = await readPublicKey(parts.keys).catch((err: unknown) => {
      log.error({ err }, 'the sealed key cannot be read')
      return undefined
    })
    if (key === undefined) return undefined
    const order = verifyOrder({ text: row.order, signature: row.signature }, key)
    const isIts = order?.id === row.id && order.code === row.code_hash && order.hub === parts.hub
    return isIts ? order : undefined
  }
  const record = async (entry: AuditEntry): Promise<void> => {
    await audit.record(entry)
    log.warn({ event: entry.event, person: entry.person }, 'break-glass')
  }
  const refuse = async (reason: string, more: Partial<AuditEntry>): Promise<void> => {
    const code = 'break-glass.refused'
    await record({ event: code, outcome: 'refused', code, reason, ...more })
  }

  /** Every administrator's page asks again who is who, and shows it. */
  const tellAdministrators = async (): Promise<void> => {
    const snapshot = parts.policy.snapshot()
    if (snapshot === undefined) return
    const all = await db
      .selectFrom('sessions')
      .select(['name', 'person', 'groups'])
      .where('expires_at', '>', now())
      .execute()
    const names = new Set<string>()
    for (const { name, person, groups } of all) {
      const told = JSON.parse(groups) as readonly string[]
      // Where they cannot be told, what the provider said has to do.
      const known = await parts.groups.of(person, told).catch(() => told)
      if (rolesOf(snapshot, { kind: 'person', name: person, groups: known }).includes('admin'))
        names.add(name)
    }
    live.close(({ session }) => names.has(session), closeCodes.sessionReplaced)
  }

  const mark = (id: string, values: Partial<Row>) =>
    db.updateTable('break_glass').set(values).where('id', '=', id).execute()

  const tellOrder = async (row: Row): Promise<void> => {
    const order = await orderOf(row)
    if (order === undefined) {
      await refuse('There is an order that the sealed key did not sign for this hub.', {
        args: { id: row.id },
      })
      await mark(row.id, { told_at: now(), closed_at: now() })
      return
    }
    const { person, minutes, until } = order
    await record({
      event: 'break-glass.opened',
      outcome: 'done',
      person,
      session: breakGlassSession(row.id),
      args: { id: row.id, minutes, until: new Date(until).toISOString() },
      tail: `for ${minutes} minutes`,
    })
    await mark(row.id, { told_at: now() })
  }
  const tellTries = async (): Promise<void> => {
    const tries = await db
      .selectFrom('break_glass_tries')
      .selectAll()
      .where((is) =>
        is.or([
          is('told_at', 'is', null),
          is.and([is('told_at', '=', underWay), is('at', '<', now() - tryMayTake)]),
        ]),
      )
      .execute()
    for (const { id, person, by } of tries) {
      await refuse('Wrong passphrase, or a sealed key that was changed.', { person, args: { id, by } })
      await db.updateTable('break_glass_tries').set({ told_at: now() }).where('id', '=', id).execute()
    }
  }
  const close = async (row: Row, person: string, tail: string): Promise<void> => {
    const session = breakGlassSession(row.id)
    await sessions.end({ name: session })
    live.close((socket) => socket.session === session, closeCodes.sessionEnded)
    await mark(row.id, { closed_at: now() })
    await record({ event: 'break-glass.closed', outcome: 'done', person, session, tail })
  }
  const openRows = () => db.selectFrom('break_glass').selectAll().where('closed_at', 'is', null).execute()
  const lookOnce = async (): Promise<void> => {
    await tellTries()
    const rows = await openRows()
    if (rows.length === 0 && open.length === 0) return
    for (const row of rows) if (row.told_at === null) await tellOrder(row)
    const doors: OpenDoor[] = []
    for (const row of await openRows()) {
      const { person, until } = orderAsItStands(row)
      if (row.used_at === null) {
        if (until <= now()) await close(row, person, 'and never was in')
        continue
      }
      const session = await sessions.byName(breakGlassSession(row.id))
      if (session !== undefined) doors.push({ session: session.name, person, until: session.expiresAt })
      // While somebody is just being let in there is no session yet.
      else if (row.ends_at !== null || row.used_at < now() - lettingInMayTake) await close(row, person, '')
    }
    const key = (list: readonly OpenDoor[]) => list.map(({ session }) => session).join()
    const isChanged = key(doors) !== key(open)
    open = doors
    if (isChanged) await tellAdministrators()
  }
  // A look that comes while one is under way waits for it: nothing is told twice.
  let looking: Promise<void> = Promise.resolve()
  const look = (): Promise<void> => {
    looking = looking.then(lookOnce, lookOnce)
    return looking
  }

  const letIn = async (
    row: Row,
    order: Order,
    from: { readonly address: string; readonly device: string | null },
  ) => {
    const code = keptOut({ kind: 'person', person: order.person }, parts)
    if (code !== undefined) throw new SeneschalError(code)
    const person = await db
      .selectFrom('persons')
      .selectAll()
      .where('person', '=', order.person)
      .executeTakeFirstOrThrow()
    const expiresAt = now() + order.minutes * 60_000
    const session = breakGlassSession(row.id)
    await record({
      event: 'break-glass.used',
      outcome: 'done',
      person: order.person,
      session,
      address: from.address,
      tail: `until ${new Date(expiresAt).toISOString()}`,
    })
    const made = await sessions.create({
      name: session,
      person: order.person,
      displayName: person.display_name ?? order.person,
      issuer: person.issuer,
      subject: person.subject,
      groups: person.groups === null ? [] : (JSON.parse(person.groups) as readonly string[]),
      expiresAt,
      raised: { class: 'write', until: expiresAt },
      idToken: null,
      providerSid: null,
      tokens: {},
      from,
    })
    await mark(row.id, { ends_at: expiresAt })
    return made
  }

  return {
    doors: () => open,
    look,
    prune: async () => {
      const before = now() - keptFor
      await db.deleteFrom('break_glass').where('closed_at', '<=', before).execute()
      await db
        .deleteFrom('break_glass_tries')
        .where('at', '<=', before)
        .where('told_at', '>', underWay)
        .execute()
    },
    redeem: async (code, from) => {
      try {
        // The order stands in the log before what comes of it.
        await look()
        const row = await db
          .selectFrom('break_glass')
          .selectAll()
          .where('code_hash', '=', hashOf(code))
          .executeTakeFirst()
        const order = row === undefined || row.closed_at !== null ? undefined : await orderOf(row)
        if (row === undefined || order === undefined || order.until <= now())
          throw new SeneschalError('break-glass.code-invalid')
        const claimed = await db
          .updateTable('break_glass')
          .set({ used_at: now() })
          .where('id', '=', row.id)
          .where('used_at', 'is', null)
          .executeTakeFirst()
        if (claimed.numUpdatedRows === 0n) throw new SeneschalError('break-glass.code-invalid')
        const made = await letIn(row, order, from)
        await look()
        return made
      } catch (thrown) {
        const error = asSeneschalError(thrown)
        await refuse('', { code: error.code, reason: error.detail ?? null, address: from.address }).catch(
          (err: unknown) => log.error({ err }, 'a refused code was not recorded'),
        )
        throw thrown
      }
    },
  }
}
