/** Which name somebody probably meant. */

/** Insertions, deletions, changes and swaps of neighbours between two words (optimal string alignment). */
const distance = (one: string, other: string): number => {
  const rows: number[][] = [Array.from({ length: other.length + 1 }, (_, index) => index)]
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0
  for (let i = 1; i <= one.length; i += 1) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= other.length; j += 1) {
      const isSame = one[i - 1] === other[j - 1]
      const swapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]
      row.push(
        Math.min(
          at(i - 1, j) + 1,
          at(i, j - 1) + 1,
          at(i - 1, j - 1) + (isSame ? 0 : 1),
          swapped ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      )
    }
  }
  return at(one.length, other.length)
}

const longestWord = 64

/** The nearest of the names there are, where it is near enough to be meant; without `!`, and in whatever case. */
export const nearest = (word: string, names: readonly string[]): string | undefined => {
  const meant = word.replace(/^!/, '').toLowerCase()
  if (meant.length > longestWord) return undefined
  const ranked = names
    .map((name) => ({ name, off: distance(meant, name.toLowerCase()) }))
    .sort((one, other) => one.off - other.off)
  const [first] = ranked
  return first !== undefined && first.off <= Math.max(1, Math.floor(meant.length / 3))
    ? first.name
    : undefined
}
