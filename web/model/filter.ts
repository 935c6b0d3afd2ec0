/** Filters as people type them: words, all of which must occur; `*` and `?` as in file names; states. */
import type { InstanceRow, TaskState } from '../../protocol/rows.ts'

export type TextFilter = (text: string) => boolean

const quoted = (text: string) => text.replace(/[.+^${}()|[\]\\]/g, '\\$&')

/** Matches everything for an empty text. A word with `*` or `?` must match from its beginning to its end. */
export const textFilter = (text: string): TextFilter => {
  const tests = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word): TextFilter => {
      if (!/[*?]/.test(word)) return (value) => value.includes(word)
      const pattern = new RegExp(
        `(?:^|[/\\s])${quoted(word).replaceAll('*', '[^\\s]*').replaceAll('?', '[^\\s]')}(?:$|[/\\s])`,
      )
      return (value) => pattern.test(value)
    })
  return (value) => {
    const lower = value.toLowerCase()
    return tests.every((test) => test(lower))
  }
}

export type StateFilter = TaskState | 'held' | 'late'

export const matchesStates = (row: InstanceRow, wanted: ReadonlySet<StateFilter>): boolean =>
  wanted.size === 0 ||
  wanted.has(row.state) ||
  (wanted.has('held') && row.held) ||
  (wanted.has('late') && row.late)
