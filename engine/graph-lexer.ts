/** Graph text → tokens with their places (1-based, within the text). */

export type Place = { readonly line: number; readonly column: number }

export type TokenKind =
  | 'name'
  | 'offset'
  | 'qualifier'
  | 'optional'
  | 'arrow'
  | 'and'
  | 'or'
  | 'open'
  | 'close'
  | 'newline'
  | 'end'
  | 'unknown'

export type Token = { readonly kind: TokenKind; readonly text: string; readonly at: Place }

const rules: readonly (readonly [TokenKind | 'skip', RegExp])[] = [
  ['skip', /[ \t\r]+|#[^\n]*/y],
  ['newline', /\n/y],
  ['arrow', /=>/y],
  ['and', /&/y],
  ['or', /\|/y],
  ['open', /\(/y],
  ['close', /\)/y],
  ['optional', /\?/y],
  ['offset', /\[[^\]\n]*\]/y],
  ['qualifier', /:[A-Za-z0-9_-]*/y],
  // With its parameters: `sim<m>`; an arrow closes none.
  ['name', /[A-Za-z0-9_](?:[A-Za-z0-9_-]|<[^<>\n]*(?<!=)>)*/y],
  ['unknown', /[\s\S]/uy],
]

const operators: ReadonlySet<TokenKind> = new Set(['arrow', 'and', 'or'])

export const tokenise = (text: string): readonly Token[] => {
  const tokens: Token[] = []
  let offset = 0
  let line = 1
  let lineStart = 0
  while (offset < text.length) {
    for (const [kind, pattern] of rules) {
      pattern.lastIndex = offset
      const found = pattern.exec(text)?.[0]
      if (found === undefined) continue
      if (kind !== 'skip') tokens.push({ kind, text: found, at: { line, column: offset - lineStart + 1 } })
      offset += found.length
      if (kind === 'newline') {
        line += 1
        lineStart = offset
      }
      break
    }
  }
  tokens.push({ kind: 'end', text: '', at: { line, column: offset - lineStart + 1 } })
  return joinLines(tokens)
}

/** A line goes on in the next one if either side of the break is an operator (blank and comment lines between). */
const joinLines = (tokens: readonly Token[]): readonly Token[] => {
  const joined: Token[] = []
  let broken: Token | undefined
  for (const token of tokens) {
    if (token.kind === 'newline') {
      broken ??= token
      continue
    }
    const last = joined.at(-1)
    if (broken && last && !operators.has(last.kind) && !operators.has(token.kind)) joined.push(broken)
    broken = undefined
    joined.push(token)
  }
  return joined
}
