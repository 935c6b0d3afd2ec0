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
    interest.failed(false)
    waits.push(interest.wait())
  }
  assert.deepEqual(waits, [0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
  interest.lived(9999)
  assert.equal(interest.wait(), 60_000)
  interest.lived(10_000)
  assert.equal(interest.wait(), 0)
})

test('a host that cannot be reached is asked again every two seconds, and forgives no earlier failures', () => {
  const interest = createInterest(() => 0)
  const waits: number[] = []
  for (const onTheRoad of [true, true, true, false, true]) {
    interest.failed(onTheRoad)
    waits.push(interest.wait())
  }
  assert.deepEqual(waits, [1000, 2000, 2000, 4000, 4000])
})
