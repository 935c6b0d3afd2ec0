import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFairQueue } from '../../daemon/fair-queue.ts'

test('whoever comes late with one item is served after one item of everybody else', () => {
  const queue = createFairQueue<string>()
  for (let index = 0; index < 5000; index += 1) queue.push('flood', `flood ${index}`)
  queue.push('one', 'one')
  queue.push('two', 'two')
  assert.deepEqual(
    [queue.take(), queue.take(), queue.take(), queue.take()],
    ['flood 0', 'one', 'two', 'flood 1'],
  )
  assert.equal(queue.size(), 4998)
})

test('within a lane things stay in order, also when it is emptied and filled again', () => {
  const queue = createFairQueue<number>()
  const taken: (number | undefined)[] = []
  for (let round = 0; round < 3; round += 1) {
    for (let index = 0; index < 3000; index += 1) queue.push('lane', round * 3000 + index)
    for (let index = 0; index < 3000; index += 1) taken.push(queue.take())
  }
  assert.deepEqual(
    taken,
    Array.from({ length: 9000 }, (_, index) => index),
  )
  assert.equal(queue.take(), undefined)
})
