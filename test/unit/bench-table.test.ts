import assert from 'node:assert/strict'
import { test } from 'node:test'
import { takeTurns } from '../../bench/report/rounds.ts'
import { against, type Bench, judged } from '../../bench/report/row.ts'
import { median, percentile, ratios, summarise } from '../../bench/report/statistics.ts'
import { presentNumber, presentTable } from '../../bench/report/table.ts'

test('a median is the middle, or between the two in the middle; a percentile is a value that there was', () => {
  assert.equal(median([9, 1, 5]), 5)
  assert.equal(median([4, 1, 2, 9]), 3)
  assert.ok(Number.isNaN(median([])))
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  assert.equal(percentile(hundred, 0.5), 50)
  assert.equal(percentile(hundred, 0.99), 99)
  assert.equal(percentile([7], 0.01), 7)
  assert.deepEqual(summarise([3, 1, 2]), { median: 2, min: 1, max: 3 })
})

test('ratios are taken round by round, so a slow round slows both sides', () => {
  assert.deepEqual(ratios([10, 4, 20], [5, 2, 10]), [2, 2, 2])
  assert.throws(() => ratios([1, 2], [1]), RangeError)
})

test('contestants take turns, and the first turn of each does not count', async () => {
  const log: string[] = []
  const bench: Bench = { quick: true, rounds: 2, say: () => undefined, defer: () => undefined }
  const turns = await takeTurns(
    bench,
    'x',
    ['a', 'b'].map((who) => ({ who, measure: async () => log.push(who) })),
  )
  assert.equal(log.join(''), 'ababab')
  assert.deepEqual(
    [...turns],
    [
      ['a', [3, 5]],
      ['b', [4, 6]],
    ],
  )
})

test('the table has a line per figure, the ratio beside the peer, the budget beside what it is about', () => {
  const holds = (ratio: number) => ratio >= 1.5
  const figures = [
    ...against({ what: 'requests', who: 'hub', unit: '/s', rounds: [3000, 3300, 2700] }, [
      { who: 'peer', rounds: [1000, 1100, 900], budget: { text: '≥ 1.5 ×', holds } },
      { who: 'other', rounds: [6000, 6600, 5400], budget: { text: '≥ 1.5 ×', holds } },
    ]),
    judged({ what: 'memory', who: 'hub', unit: 'MB', rounds: [80] }, '≤ 90 MB', (value) => value <= 90),
  ]
  const lines = presentTable({ name: 'proxy', title: 'HTTP' }, { figures, notes: ['a note'] }).split('\n')
  const lineOf = (start: string) => lines.find((line) => line.replaceAll(/ +/g, ' ').startsWith(start)) ?? ''
  assert.match(lineOf('requests hub'), /3,000\/s +2,700–3,300$/)
  assert.match(lineOf('requests peer'), /1,000\/s +900–1,100 +3 × \(3–3\) +≥ 1\.5 × +met$/)
  assert.match(lineOf('requests other'), /0\.5 × \(0\.5–0\.5\) +≥ 1\.5 × +NOT MET$/)
  assert.match(lineOf('memory hub'), /80 MB +≤ 90 MB +met$/)
  assert.ok(lines.includes('  · a note'))
})

test('numbers keep three digits, large ones all of them', () => {
  assert.deepEqual([0.012345, 1.2345, 123.4, 1_234_567.8, Number.NaN].map(presentNumber), [
    '0.0123',
    '1.23',
    '123',
    '1,234,568',
    '–',
  ])
})
