import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clockTrouble, hubClock } from '../../protocol/hub-clock.ts'

const clocks = (now: number) => {
  const at = { now, monotonic: 500 }
  return { at, local: { now: () => at.now, monotonic: () => at.monotonic } }
}

test('a host whose clock is right goes by its own, also when somebody sets it', () => {
  const { at, local } = clocks(1_000_000)
  const now = hubClock(-1500, local)
  assert.equal(now(), 1_000_000)
  at.now += 60_000
  assert.equal(now(), 1_060_000)
})

test('a host whose clock is wrong goes by the hub’s, and being set right changes nothing', () => {
  for (const ahead of [3_600_000, -3_600_000]) {
    const { at, local } = clocks(10_000_000)
    const now = hubClock(ahead, local)
    assert.equal(now(), 10_000_000 + ahead)
    at.now += ahead
    at.monotonic += 1000
    assert.equal(now(), 10_001_000 + ahead)
  }
})

test('by how much it is wrong is said', () => {
  assert.equal(clockTrouble(0), undefined)
  assert.match(clockTrouble(3_600_000) ?? '', /3600 s behind the hub’s/)
  assert.match(clockTrouble(-9000) ?? '', /9 s ahead of the hub’s/)
})
