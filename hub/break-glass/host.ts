/**
 * The host's side: whoever has the hub's user and the passphrase leaves a signed order in the hub's database, and gets
 * the address that lets one browser in. Works whether the hub and the identity provider run or not.
 */
import { SeneschalError } from '../../protocol/errors.ts'
import { hashOf, randomWord } from '../auth/secrets.ts'
import type { Database } from '../store/open.ts'
import { codeMayWait, mostMinutes, type Order, signOrder } from './order.ts'
import { openSealedKey } from './sealed-key.ts'

/** So many wrong passphrases within this time, ms, and nobody tries another. */
const mostTries = 5
const triesWithin = 10 * 60_000
/** A try that is under way; the hub tells of it once it failed. */
export const underWay = 0

export type DoorOrder = {
  readonly db: Database
  readonly keys: string
  /** Public address of the hub. */
  readonly hub: string
  readonly person: string
  readonly minutes: number
  /** The Unix user who asks, for the record. */
  readonly by: string
  readonly now: () => number
}

/** What can be said before anybody types a passphrase. */
export const mustBePossible = async ({ db, person, minutes, now }: DoorOrder): Promise<void> => {
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > mostMinutes)
    throw new SeneschalError('usage', `A session without the provider lasts 1 to ${mostMinutes} minutes.`)
  const known = await db
    .selectFrom('persons')
    .select('person')
    .where('person', '=', person)
    .executeTakeFirst()
  if (known === undefined)
    throw new SeneschalError('break-glass.refused', `Nobody called ${person} ever signed in here.`)
  const tried = await db
    .selectFrom('break_glass_tries')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('at', '>', now() - triesWithin)
    .executeTakeFirst()
  if (Number(tried?.count ?? 0) >= mostTries)
    throw new SeneschalError(
      'rate.limited',
      `There were ${mostTries} wrong passphrases within ${triesWithin / 60_000} minutes.`,
    )
}

/** Resolves to what the person opens in a browser. */
export const orderDoor = async (
  asked: DoorOrder,
  passphrase: string,
): Promise<{ readonly url: string; readonly until: number }> => {
  await mustBePossible(asked)
  const { db, keys, hub, person, minutes, by, now } = asked
  // Counted before it is tried, so that many at once are no more than one after the other.
  const id = randomWord(10)
  await db.insertInto('break_glass_tries').values({ id, at: now(), person, by, told_at: underWay }).execute()
  try {
    const key = await openSealedKey(keys, passphrase)
    const code = randomWord(26)
    const until = now() + codeMayWait
    const value: Order = { v: 1, id, hub, person, minutes, code: hashOf(code), until }
    const { text, signature } = signOrder(value, key)
    await db
      .insertInto('break_glass')
      .values({
        ...{ id, code_hash: value.code, order: text, signature, created_at: now() },
        ...{ told_at: null, used_at: null, ends_at: null, closed_at: null },
      })
      .execute()
    await db.deleteFrom('break_glass_tries').where('id', '=', id).execute()
    // After `#`, so that it stands in no log of a proxy.
    return { url: `${hub}/break-glass#${code}`, until }
  } catch (thrown) {
    await db.updateTable('break_glass_tries').set({ told_at: null }).where('id', '=', id).execute()
    throw thrown
  }
}
