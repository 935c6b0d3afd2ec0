/** The name a person probably meant: smallest edit distance, if it is small for the length of the word. */

/** Levenshtein distance, given up beyond `most`. */
const distance = (a: string, b: string, most: number): number => {
  if (Math.abs(a.length - b.length) > most) return most + 1
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const change = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(change, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? most + 1
}

export const nearest = (word: string, known: Iterable<string>): string | undefined => {
  const lower = word.toLowerCase()
  let best: string | undefined
  let least = Math.min(3, Math.floor(word.length / 2)) + 1
  for (const name of known) {
    const found = distance(lower, name.toLowerCase(), least)
    if (found < least) {
      best = name
      least = found
    }
  }
  return best
}

/** ` Did you mean "x"?`, or nothing. */
export const hint = (word: string, known: Iterable<string>): string => {
  const meant = nearest(word, known)
  return meant === undefined ? '' : ` Did you mean "${meant}"?`
}
