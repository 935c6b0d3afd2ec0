import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type GraphExpression, parseGraph } from '../../engine/graph-parser.ts'

const show = (expression: GraphExpression): string => {
  if (expression.op !== 'node') {
    return `(${expression.of.map(show).join(expression.op === 'all' ? ' & ' : ' | ')})`
  }
  const { name, offset, qualifier, optional } = expression
  return `${name}${offset === undefined ? '' : `[${offset}]`}${qualifier ? `:${qualifier}` : ''}${optional ? '?' : ''}`
}

const read = (text: string): readonly string[] =>
  parseGraph(text).chains.map((chain) => chain.map(show).join(' => '))

const faults = (text: string): readonly string[] =>
  parseGraph(text).faults.map(({ at, message }) => `${at.line}:${at.column} ${message}`)

test('the parser reads chains, offsets, qualifiers and question marks', () => {
  assert.deepEqual(read('fetch => climb? & winds => post\npost[-PT6H]:start => fetch'), [
    'fetch => (climb? & winds) => post',
    'post[-PT6H]:start => fetch',
  ])
})

test('& binds closer than |, and parentheses closer than both', () => {
  assert.deepEqual(read('a | b & c => d'), ['(a | (b & c)) => d'])
  assert.deepEqual(read('(a | b) & c => d'), ['((a | b) & c) => d'])
})

test('a line goes on after and before an operator, over comments and blank lines', () => {
  assert.deepEqual(read('a => # first\n\n  b &\n c\n  => d # last\ne'), ['a => (b & c) => d', 'e'])
})

test('names may contain dashes and underscores without being taken for offsets', () => {
  assert.deepEqual(read('a-1 => b_2[-P1] & c-d:fail?'), ['a-1 => (b_2[-P1] & c-d:fail?)'])
})

test('a fault is reported with its line and column, and the next lines are still read', () => {
  assert.deepEqual(faults('a => => b\nc d\n  (a & b => c\nok => fine\n!x'), [
    '1:6 Expected a task or family, found "=>".',
    '2:3 Expected "=>", "&", "|" or a new line, found a name.',
    '3:10 Expected ")", found "=>".',
    '5:1 Suicide triggers ("!") are not taken: mark outputs as optional with "?" instead.',
  ])
  assert.deepEqual(read('a =>  => b\nok => fine'), ['ok => fine'])
})

test('what the notation has and this engine does not take is named', () => {
  assert.match(faults('@wall_clock => a')[0] ?? '', /^1:1 External triggers/)
  assert.match(faults('a<m => b')[0] ?? '', /^1:2 Parameters/)
  assert.match(faults('a[-P1 => b')[0] ?? '', /^1:2 This "\[" has no "\]"/)
  assert.match(faults('a: => b')[0] ?? '', /^1:2 A qualifier/)
  assert.match(faults('a => b €')[0] ?? '', /^1:8 "€" has no meaning here/)
})

test('parentheses without end are refused, not followed into the depth', () => {
  assert.match(faults(`${'('.repeat(100_000)}a => b`)[0] ?? '', /nested too deeply/)
})
