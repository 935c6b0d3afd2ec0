import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readEnvironment } from '../../web/model/environment.ts'

test('variables are read a line each, and a line that is wrong is named with what is wrong', () => {
  assert.deepEqual(readEnvironment('A=1\n\n  B = x=y \nC\nD='), {
    environment: { A: '1', B: ' x=y ', C: null, D: '' },
  })
  for (const [text, problem] of [
    [' \n', /^Enter at least one variable/],
    ['A=1\n2B=1', /^Line 2: “2B” is no name/],
    ['A-B', /^Line 1: “A-B” is no name/],
    ['=1', /^Line 1: “” is no name/],
    [`A=1\n\nB=${'x'.repeat(4097)}`, /^Line 3: the value of “B” is longer than 4096 characters/],
    ['A=1\nA', /^Line 2: “A” stands in line 1 already/],
  ] as const) {
    const read = readEnvironment(text)
    assert.ok('problem' in read, text)
    assert.match(read.problem, problem)
  }
})
