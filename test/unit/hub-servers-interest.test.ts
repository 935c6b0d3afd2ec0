import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createInterest } from '../../hub/servers/interest.ts'

test('whoever watched a moment ago still counts; later nobody does', () => {
  let now = 0
  const interest = createInterest(() => now)
  assert.equal(interest.watched(), false)
  const leave = interest.watch()
  now = 100_000
  assert.equal(interest.watched(), true)
  leave()
  leave()
  now += 14_999
  assert.equal(interest.watched(), true)
  now += 1
  assert.equal(interest.watched(), false)
  interest.touch()
  assert.equal(interest.watched(), true)
})

test('the wait grows with each failure up to a minute, and is forgotten after a sound life', () => {
  const interest = createInterest(() => 0)
  const waits = [interest.wait()]
  for (let count = 0; count < 8; count += 1) {
    interest.failed()
    waits.push(interest.wait())
  }
  assert.deepEqual(waits, [0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
  interest.lived(59_999)
  assert.equal(interest.wait(), 60_000)
  interest.lived(60_000)
  assert.equal(interest.wait(), 0)
})
