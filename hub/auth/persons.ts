/** Who somebody is: a name bound to issuer and subject at the first sign-in, for good. */
import { SeneschalError } from '../../protocol/errors.ts'
import { personName } from '../../protocol/ids.ts'
import type { Clock } from '../context.ts'
import type { Database } from '../store/open.ts'

export type Persons = {
  /**
   * The person of a subject. A name that the provider changes later changes nothing here; one that belongs to
   * another subject is refused with `auth.not-mapped`, so that nobody inherits the rights of a name.
   */
  readonly bind: (issuer: string, subject: string, claimed: unknown) => Promise<string>
}

export const createPersons = (parts: { readonly db: Database; readonly now: Clock }): Persons => {
  const { db, now } = parts
  const known = (issuer: string, subject: string) =>
    db
      .selectFrom('persons')
      .select('person')
      .where('issuer', '=', issuer)
      .where('subject', '=', subject)
      .executeTakeFirst()
  return {
    bind: async (issuer, subject, claimed) => {
      const bound = await known(issuer, subject)
      if (bound !== undefined) return bound.person
      const name = personName.safeParse(claimed)
      if (!name.success)
        throw new SeneschalError('auth.not-mapped', 'The provider gave no name that is possible here.')
      await db
        .insertInto('persons')
        .values({ issuer, subject, person: name.data, created_at: now() })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      const stored = await known(issuer, subject)
      if (stored?.person !== name.data)
        throw new SeneschalError('auth.not-mapped', 'The name belongs to somebody else.')
      return stored.person
    },
  }
}
