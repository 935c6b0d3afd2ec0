import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alone, inWords, timesOf, topOf } from '../../web/model/curves.ts'
import { bytes, counted, percent } from '../../web/model/units.ts'

test('amounts of bytes have three figures at most, and never a thousand of a unit', () => {
  const told = [0, 1, 812, 999, 1000, 4060, 9940, 9960, 89_400_000, 999_499_999, 999_500_000, 1.2e12, 5e18]
  assert.deepEqual(told.map(bytes), [
    ...['0 B', '1 B', '812 B', '999 B', '1.0 kB', '4.1 kB', '9.9 kB', '10 kB'],
    ...['89 MB', '999 MB', '1.0 GB', '1.2 TB', '5000 PB'],
  ])
  assert.equal(bytes(-1), '0 B')
})

test('parts and counts in words', () => {
  assert.deepEqual([0, 0.066, 1, 2.5].map(percent), ['0 %', '7 %', '100 %', '250 %'])
  assert.deepEqual(
    [counted(0, 'server'), counted(1, 'server'), counted(2, 'party', 'parties')],
    ['0 servers', '1 server', '2 parties'],
  )
})

test('a curve ends now, fits under the top of its axis, and shows what stands alone', () => {
  assert.deepEqual(timesOf(3, 60_000, 600_000), [480, 540, 600])
  assert.equal(topOf([0.2, null], [0.9]), 1)
  assert.equal(topOf([0.2, 2], [null]), 2.2)
  assert.equal(topOf([], []), 1)
  assert.deepEqual(alone([1, null, 2, 3, null, 4]), [0, 5])
  assert.deepEqual(alone([null]), [])
})

test('a curve is told in words, also where its last step is missing', () => {
  assert.equal(inWords([null, 0.5, 0.123]), 'now 12 %, at most 50 %')
  assert.equal(inWords([0.5, null]), 'at most 50 %')
  assert.equal(inWords([null, null]), undefined)
})
