/** JSON of a large value, made in turns between which everybody else gets theirs. */

/** Characters of one turn: a few milliseconds. */
const perTurn = 256 * 1024
/** What holds a longer array is not made in one piece. */
const longArray = 100

const isLong = (value: unknown): boolean => Array.isArray(value) && value.length > longArray
const isSplit = (value: object, depth: number): boolean => depth < 2 || Object.values(value).some(isLong)

function* pieces(value: unknown, depth: number): Generator<string> {
  if (Array.isArray(value)) {
    yield '['
    for (const [index, element] of value.entries()) {
      if (index > 0) yield ','
      yield* pieces(element ?? null, depth + 1)
    }
    yield ']'
  } else if (typeof value === 'object' && value !== null && isSplit(value, depth)) {
    yield '{'
    let separator = ''
    for (const [key, one] of Object.entries(value)) {
      if (one === undefined) continue
      yield `${separator}${JSON.stringify(key)}:`
      separator = ','
      yield* pieces(one, depth + 1)
    }
    yield '}'
  } else yield JSON.stringify(value)
}

/** What `JSON.stringify` gives for plain data, which must not change meanwhile, in pieces: never all of it at once. */
export async function* jsonInTurns(value: object): AsyncGenerator<Buffer> {
  let text = ''
  for (const piece of pieces(value, 0)) {
    text += piece
    if (text.length < perTurn) continue
    yield Buffer.from(text)
    text = ''
    await new Promise((resolve) => setImmediate(resolve))
  }
  yield Buffer.from(text)
}
