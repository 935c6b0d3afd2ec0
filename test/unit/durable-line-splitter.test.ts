import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLineSplitter } from '../../durable/line-splitter.ts'
import { SeneschalError } from '../../protocol/errors.ts'

test('lines come out whole, wherever the bytes were cut', () => {
  const bytes = Buffer.from('one\nzwölf\n\nthree')
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const lines: string[] = []
    const take = createLineSplitter(100, (line) => lines.push(line))
    take(bytes.subarray(0, cut))
    take(bytes.subarray(cut))
    assert.deepEqual(lines, ['one', 'zwölf', ''])
  }
})

test('a line without end is refused before it fills memory', () => {
  const take = createLineSplitter(10, () => assert.fail('there is no line'))
  take(Buffer.from('12345'))
  assert.throws(
    () => take(Buffer.from('678901')),
    (error) => error instanceof SeneschalError && error.code === 'input.too-large',
  )
})
