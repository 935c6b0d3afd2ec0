import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serialise } from '../../engine/snapshot.ts'
import { definition, simulate } from './engine-simulation.ts'

const cycles = (more = {}) => ({ schedule: { initial: 1, recurrence: 'P1', runahead: 3, ...more } })

test('parentless tasks are spawned as far as the runahead limit, counted from the oldest active cycle', () => {
  const run = simulate(definition('a => b', cycles()))
  run.play()
  assert.deepEqual(run.taken(), ['1/a/1', '2/a/1', '3/a/1'])
  run.succeed('2/a', '2/b')
  assert.deepEqual(run.pool(), ['1/a preparing', '3/a preparing'])
  run.succeed('1/a', '1/b')
  assert.deepEqual(run.pool(), ['3/a preparing', '4/a preparing', '5/a preparing'])
})

test('what an earlier cycle spawns beyond the limit waits until the limit reaches it', () => {
  const run = simulate(definition('a\na[-P3] => b', cycles({ final: 9 })))
  run.play()
  run.succeed('1/a')
  const { runahead, queued, state } = run.see('4/b') ?? {}
  assert.deepEqual({ runahead, queued, state }, { runahead: true, queued: false, state: 'waiting' })
  const step = run.report('1/b', 'succeeded')
  assert.ok(step.changed.put.has('4/b'))
  assert.deepEqual([run.see('4/b')?.runahead, run.see('4/b')?.state], [false, 'preparing'])
  assert.ok(run.drain().includes('9/b/1'))
  assert.equal(run.status(), 'finished')
})

test('the memory of past cycles goes with them', () => {
  const run = simulate(definition('a => b\nb[-P2] => a', cycles({ final: 500 })))
  run.play()
  assert.equal(run.drain().length, 1000)
  assert.equal(run.status(), 'finished')
  assert.ok(serialise(run.state()).cycles.length <= 6, String(serialise(run.state()).cycles.length))
})

test('a workflow whose every task waits for an earlier cycle ends when nothing is left to wake it', () => {
  const run = simulate(definition('a[-P1] => a', cycles()))
  run.play()
  run.succeed('1/a')
  assert.deepEqual(run.pool(), ['2/a preparing'])
  run.fail('2/a')
  run.send({ kind: 'remove', cycle: '2', task: 'a' })
  assert.equal(run.status(), 'finished')
})

test('cycles on the clock begin at their time, with one waiting ahead', () => {
  const start = Date.UTC(2026, 0, 1, 0, 0, 30)
  const schedule = { initial: 'now', recurrence: 'PT1M', clock: true, final: '+PT10M' }
  const run = simulate(definition('a => b', { schedule }), start)
  run.play()
  assert.deepEqual(run.pool(), ['20260101T0000Z/a preparing', '20260101T0001Z/a waiting'])
  assert.equal(run.see('20260101T0001Z/a')?.wallclock, true)
  assert.equal(run.wake(), Date.UTC(2026, 0, 1, 0, 1))
  run.drain()
  assert.equal(run.status(), 'running')
  run.wait(29_999)
  assert.deepEqual(run.taken(), [])
  run.wait(1)
  assert.deepEqual(run.taken(), ['20260101T0001Z/a/1'])
  assert.deepEqual(run.pool(), ['20260101T0001Z/a preparing', '20260101T0002Z/a waiting'])
})

test('after time away all cycles due within the limit begin at once', () => {
  const schedule = { initial: '20260101T0000Z', recurrence: 'PT1M', clock: true, runahead: 3 }
  const run = simulate(definition('a', { schedule }), Date.UTC(2026, 0, 1, 1))
  run.play()
  assert.deepEqual(run.taken(), ['20260101T0000Z/a/1', '20260101T0001Z/a/1', '20260101T0002Z/a/1'])
})

test('incomplete cycles stall a clocked workflow only when the limit is reached', () => {
  const schedule = { initial: '20260101T0000Z', recurrence: 'PT1M', clock: true, runahead: 2 }
  const run = simulate(definition('a => b', { schedule }), Date.UTC(2026, 0, 1))
  run.play()
  run.fail('20260101T0000Z/a')
  assert.equal(run.status(), 'running')
  run.wait(60_000)
  run.fail('20260101T0001Z/a')
  assert.equal(run.status(), 'stalled')
  assert.equal(run.wake(), undefined)
})

test('queues let in as many as their limit, first come first served', () => {
  const tasks = { a: { queue: 'small' }, b: { queue: 'small' }, c: { queue: 'small' }, d: {} }
  const run = simulate(definition('a\nb\nc\nd', { queues: { small: { limit: 2 } }, tasks }))
  run.play()
  assert.deepEqual(run.taken(), ['1/d/1', '1/a/1', '1/b/1'])
  assert.equal(run.see('1/c')?.queued, true)
  run.fail('1/b')
  assert.deepEqual(run.taken(), ['1/c/1'])
})

test('held and released, an instance goes to the end of its queue', () => {
  const tasks = { a: {}, b: {}, c: {} }
  const run = simulate(definition('a\nb\nc', { queues: { default: { limit: 1 } }, tasks }))
  run.play()
  run.send({ kind: 'hold', cycle: '1', task: 'b' })
  run.send({ kind: 'release', cycle: '1', task: 'b' })
  assert.deepEqual(run.drain(), ['1/a/1', '1/c/1', '1/b/1'])
})
