/** Persons who signed in before, with the groups that were last told of them. */
import type { Groups } from './groups.ts'
import type { Database } from './store/open.ts'

export type KnownPerson = { readonly person: string; readonly groups: readonly string[] }

export type KnownPersons = {
  /** Those of whom the provider told last, at most so many; without those whose groups cannot be told now. */
  readonly latest: (count: number) => Promise<readonly KnownPerson[]>
}

export const createKnownPersons = ({
  db,
  groups,
}: {
  readonly db: Database
  readonly groups: Groups
}): KnownPersons => {
  const withGroups = async (person: string, told: string): Promise<readonly KnownPerson[]> => {
    try {
      return [{ person, groups: await groups.of(person, JSON.parse(told) as readonly string[]) }]
    } catch {
      // Whoever asked for the groups has said why they cannot be told.
      return []
    }
  }
  return {
    latest: async (count) => {
      const rows = await db
        .selectFrom('persons')
        .select(['person', 'groups'])
        .where('groups', 'is not', null)
        .orderBy('groups_at', 'desc')
        .limit(count)
        .execute()
      const known = await Promise.all(
        rows.map(({ person, groups: told }) => withGroups(person, told ?? '[]')),
      )
      return known.flat()
    },
  }
}
