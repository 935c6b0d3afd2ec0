import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDelay, parseDuration } from '../../engine/duration.ts'
import { createSequence, type Sequence } from '../../engine/sequence.ts'
import { mustCompile } from './engine-simulation.ts'

const sequence = (schedule: Record<string, unknown>): Sequence => {
  const workflow = mustCompile({ schedule, graph: 'a', tasks: { a: null } })
  const { initial } = workflow.schedule
  return createSequence(workflow.schedule, initial === 'now' ? 0 : initial)
}

const labels = (cycles: Sequence, count: number): readonly string[] => {
  const found: string[] = []
  for (let point: number | undefined = cycles.initial; point !== undefined; point = cycles.next(point)) {
    found.push(cycles.label(point))
    if (found.length === count) break
  }
  return found
}

const duration = (text: string) => {
  const parsed = parseDuration(text)
  assert.ok(parsed)
  return parsed
}

test('integer, minute and day steps give their labels', () => {
  assert.deepEqual(labels(sequence({ initial: 3, recurrence: 'P2' }), 3), ['3', '5', '7'])
  assert.deepEqual(labels(sequence({ initial: '20261231T2359Z', recurrence: 'PT1M' }), 2), [
    '20261231T2359Z',
    '20270101T0000Z',
  ])
  assert.deepEqual(labels(sequence({ initial: '2028-02-28', recurrence: 'P1D' }), 3), [
    '20280228T0000Z',
    '20280229T0000Z',
    '20280301T0000Z',
  ])
})

test('monthly cycles from the last of a month come back to it', () => {
  assert.deepEqual(labels(sequence({ initial: '20270131', recurrence: 'P1M' }), 4), [
    '20270131T0000Z',
    '20270228T0000Z',
    '20270331T0000Z',
    '20270430T0000Z',
  ])
})

test('every dependant of a month before is found, and only those', () => {
  const daily = sequence({ initial: '20270101', recurrence: 'P1D' })
  const after = (label: string) =>
    daily
      .after(daily.parse(label) ?? Number.NaN, duration('P1M'))
      .map((point) => daily.label(point).slice(0, 8))
  assert.deepEqual(after('20270228T0000Z'), ['20270328', '20270329', '20270330', '20270331'])
  assert.deepEqual(after('20270331T0000Z'), [])
  assert.deepEqual(after('20270315T0000Z'), ['20270415'])
})

test('before and after are each other’s reverse on every point of long sequences', () => {
  for (const [step, offset] of [
    ['PT6H', 'PT6H'],
    ['P1D', 'P1M'],
    ['P1M', 'P3M'],
    ['P1W', 'P2W'],
  ] as const) {
    const cycles = sequence({ initial: '20240131T0600Z', recurrence: step })
    const back = duration(offset)
    let point: number | undefined = cycles.initial
    for (let index = 0; index < 500 && point !== undefined; index += 1) {
      const source = cycles.before(point, back)
      if (cycles.has(source)) assert.ok(cycles.after(source, back).includes(point), cycles.label(point))
      point = cycles.next(point)
    }
  }
})

test('a label is recognised only in its own form and on the schedule', () => {
  const cycles = sequence({ initial: '20260101T0000Z', recurrence: 'PT6H' })
  assert.equal(cycles.label(cycles.parse('20260101T1200Z') ?? 0), '20260101T1200Z')
  for (const wrong of ['20260101T1300Z', '2026-01-01T12:00Z', '20251231T1800Z', '1', '', '20260101T1200']) {
    assert.equal(cycles.parse(wrong), undefined, wrong)
  }
  const integers = sequence({ initial: 1, recurrence: 'P1' })
  assert.equal(integers.parse('12'), 12)
  for (const wrong of ['012', '0', '-1', '1e3', '1.5', '9'.repeat(20)])
    assert.equal(integers.parse(wrong), undefined)
})

test('the final point may be a length after the initial one', () => {
  const cycles = sequence({ initial: 'now', final: '+P1D', recurrence: 'PT6H' })
  assert.equal(cycles.label(cycles.final ?? 0), '19700102T0000Z')
  assert.equal(sequence({ initial: 2, final: '+P3', recurrence: 'P1' }).final, 5)
})

test('the years end with 9999', () => {
  assert.deepEqual(labels(sequence({ initial: '99991231T2300Z', recurrence: 'PT30M' }), 5), [
    '99991231T2300Z',
    '99991231T2330Z',
  ])
})

test('durations without a fixed length are no delays, and steps are whole minutes', () => {
  assert.equal(parseDelay('PT1.5S'), 1500)
  assert.equal(parseDelay('P1DT1H'), 25 * 3_600_000)
  for (const wrong of ['P1M', '-PT1S', '5', 'soon', '']) assert.equal(parseDelay(wrong), undefined, wrong)
  for (const wrong of ['PT30S', 'P0', 'P0D', '-P1D', 'P', '1'])
    assert.equal(parseDuration(wrong), undefined, wrong)
})
