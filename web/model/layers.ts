/** Permissions as people read them: what is wrong where, who gains and loses what, and what changed between versions. */
import type { LayerChange } from '../../protocol/layers.ts'
import { catalogue, type PermissionAction, permissionClasses } from '../../protocol/permissions.ts'

export type LayerProblem = { readonly line: number; readonly column: number; readonly text: string }

/** Places in a refusal: one `permissions:LINE:COLUMN: what` a line. Empty where it names none. */
export const problemsIn = (message: string): readonly LayerProblem[] =>
  [...message.matchAll(/permissions:(\d+):(\d+): ([^\n]*)/g)].map(([, line, column, text = '']) => ({
    line: Number(line),
    column: Number(column),
    text,
  }))

/** Where a line and column are in a text, characters from its beginning. */
export const offsetOf = (text: string, { line, column }: Pick<LayerProblem, 'line' | 'column'>): number => {
  const lines = text.split('\n')
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0)
  return Math.min(text.length, before + Math.max(0, column - 1))
}

/** Whole classes by their name, the rest one by one: `execute`, `view`, `logs`. */
export const shortened = (actions: readonly PermissionAction[]): readonly string[] => {
  const left = new Set<string>(actions)
  const whole = permissionClasses.filter((name) => {
    const members = Object.keys(catalogue[name])
    if (members.length < 2 || !members.every((action) => left.has(action))) return false
    for (const action of members) left.delete(action)
    return true
  })
  return [...whole.map((name) => `all of ${name}`), ...left]
}

/** Whose rights they are, in words. */
export const whoseWords = (who: LayerChange['who']): string => {
  if (who === 'everyone') return 'everybody who is signed in'
  const [kind = '', ...name] = who.split(':')
  if (kind === 'group') return `members of ${name.join(':')}`
  if (kind === 'account') return `account ${name.join(':')}`
  return name.join(':')
}

export type DiffLine = { readonly mark: ' ' | '+' | '-'; readonly text: string }

/** What two texts have in common and what not, line by line: the longest lines in the same order. */
export const lineDiff = (before: string, after: string): readonly DiffLine[] => {
  const split = (text: string) => (text === '' ? [] : text.replace(/\n$/, '').split('\n'))
  const [old, now] = [split(before), split(after)]
  const common: number[][] = Array.from({ length: old.length + 1 }, () => Array(now.length + 1).fill(0))
  const at = (i: number, j: number): number => common[i]?.[j] ?? 0
  for (let i = old.length - 1; i >= 0; i -= 1)
    for (let j = now.length - 1; j >= 0; j -= 1) {
      const row = common[i]
      if (row !== undefined)
        row[j] = old[i] === now[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  const lines: DiffLine[] = []
  let [i, j] = [0, 0]
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      lines.push({ mark: ' ', text: old[i] ?? '' })
      i += 1
      j += 1
    } else if (j >= now.length || (i < old.length && at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ mark: '-', text: old[i] ?? '' })
      i += 1
    } else {
      lines.push({ mark: '+', text: now[j] ?? '' })
      j += 1
    }
  }
  return lines
}
