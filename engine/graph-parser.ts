/**
 * Tokens → chains of expressions, the notation that Cylc users know:
 *
 *     chain := or ('=>' or)*            and  := item ('&' item)*
 *     or    := and ('|' and)*           item := '(' or ')' | name [offset] [:qualifier] [?]
 *
 * A name may have parameters in it, which expand.ts fills in.
 */
import { type Place, type Token, type TokenKind, tokenise } from './graph-lexer.ts'

export type GraphNode = {
  readonly op: 'node'
  readonly name: string
  /** What stands in the brackets, e.g. `-PT6H`. */
  readonly offset?: string
  readonly qualifier?: string
  readonly optional: boolean
  readonly at: Place
}

export type GraphExpression =
  | GraphNode
  | { readonly op: 'all' | 'any'; readonly of: readonly GraphExpression[]; readonly at: Place }

/** The parts between the arrows of one line; a chain of one names tasks without ordering them. */
export type GraphChain = readonly GraphExpression[]

export type GraphFault = { readonly message: string; readonly at: Place }

export type ParsedGraph = { readonly chains: readonly GraphChain[]; readonly faults: readonly GraphFault[] }

/** Ends the reading of one line; the next lines are still read, so that one run shows every fault. */
class Fault extends Error {
  readonly at: Place
  constructor(message: string, at: Place) {
    super(message)
    this.at = at
  }
}

const described: Readonly<Record<TokenKind, string>> = {
  name: 'a name',
  offset: 'an offset',
  qualifier: 'a qualifier',
  optional: '"?"',
  arrow: '"=>"',
  and: '"&"',
  or: '"|"',
  open: '"("',
  close: '")"',
  newline: 'the end of the line',
  end: 'the end of the graph',
  unknown: 'a character',
}

/** Parts of the notation that are not taken, each with what to do about it. */
const notTaken: Readonly<Record<string, string>> = {
  '!': 'Suicide triggers ("!") are not taken: mark outputs as optional with "?" instead.',
  '@': 'External triggers ("@") are not taken: for the wall clock, set schedule.clock.',
  '<': 'Parameters ("<…>") stand in a name, such as sim<m>, and are closed on its line.',
  '[': 'This "[" has no "]" on its line.',
  '=': 'An arrow is written "=>".',
}

const unexpected = (token: Token, wanted: string): Fault =>
  token.kind === 'unknown'
    ? new Fault(notTaken[token.text] ?? `"${token.text}" has no meaning here.`, token.at)
    : new Fault(`Expected ${wanted}, found ${described[token.kind]}.`, token.at)

const DEEPEST = 50

export const parseGraph = (text: string): ParsedGraph => {
  const tokens = tokenise(text)
  let position = 0
  const end: Token = { kind: 'end', text: '', at: { line: 1, column: 1 } }
  const peek = (): Token => tokens[position] ?? end
  const take = (kind: TokenKind): Token | undefined => {
    const token = peek()
    if (token.kind !== kind) return undefined
    position += 1
    return token
  }

  let depth = 0
  const item = (): GraphExpression => {
    if (take('open')) {
      depth += 1
      if (depth > DEEPEST) throw new Fault('Parentheses are nested too deeply.', peek().at)
      const inner = anyOf()
      depth -= 1
      if (!take('close')) throw unexpected(peek(), '")"')
      return inner
    }
    const name = take('name')
    if (name === undefined) throw unexpected(peek(), 'a task or family')
    const offset = take('offset')?.text.slice(1, -1).trim()
    const qualifier = take('qualifier')
    if (qualifier?.text === ':')
      throw new Fault('A qualifier such as "succeeded" must follow ":".', qualifier.at)
    return {
      op: 'node',
      name: name.text,
      ...(offset === undefined ? {} : { offset }),
      ...(qualifier === undefined ? {} : { qualifier: qualifier.text.slice(1) }),
      optional: take('optional') !== undefined,
      at: name.at,
    }
  }

  const joined = (op: 'all' | 'any', by: TokenKind, part: () => GraphExpression) => (): GraphExpression => {
    const { at } = peek()
    const first = part()
    const of = [first]
    while (take(by)) of.push(part())
    return of.length === 1 ? first : { op, of, at }
  }
  const allOf = joined('all', 'and', item)
  const anyOf = joined('any', 'or', allOf)

  const chain = (): GraphChain => {
    const parts = [anyOf()]
    while (take('arrow')) parts.push(anyOf())
    const { kind } = peek()
    if (kind !== 'newline' && kind !== 'end') throw unexpected(peek(), '"=>", "&", "|" or a new line')
    return parts
  }

  const chains: GraphChain[] = []
  const faults: GraphFault[] = []
  while (peek().kind !== 'end') {
    if (take('newline')) continue
    depth = 0
    try {
      chains.push(chain())
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      faults.push({ message: error.message, at: error.at })
      while (peek().kind !== 'newline' && peek().kind !== 'end') position += 1
    }
  }
  return { chains, faults }
}
