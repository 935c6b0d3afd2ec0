import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definition, simulate } from './engine-simulation.ts'

const cycles = (final: number, more = {}) => ({ schedule: { initial: 1, final, recurrence: 'P1', ...more } })

test('a workflow runs its graph in order and finishes', () => {
  const run = simulate(definition('fetch => climb & winds => post'))
  assert.equal(run.status(), 'stopped')
  run.play()
  assert.deepEqual(run.pool(), ['1/fetch preparing'])
  assert.deepEqual(run.drain(), ['1/fetch/1', '1/climb/1', '1/winds/1', '1/post/1'])
  assert.equal(run.status(), 'finished')
  assert.deepEqual(run.pool(), [])
  assert.equal(run.summary().completed, 4)
})

test('an instance exists from its first satisfied prerequisite on, and shows which are open', () => {
  const run = simulate(definition('a & b => c'))
  run.play()
  run.succeed('1/a')
  assert.deepEqual(run.pool(), ['1/b preparing', '1/c waiting'])
  assert.deepEqual(run.see('1/c')?.prerequisites, [
    { task: 'a', cycle: '1', output: 'succeeded', satisfied: true },
    { task: 'b', cycle: '1', output: 'succeeded', satisfied: false },
  ])
  run.succeed('1/b')
  assert.deepEqual(run.pool(), ['1/c preparing'])
})

test('one run completes several outputs, and each counts once', () => {
  const run = simulate(definition('a:submit & a:start & a? & a:finish => b\na:start => c'))
  run.play()
  run.report('1/a', 'started')
  assert.deepEqual(run.pool(), ['1/a running', '1/b waiting', '1/c preparing'])
  run.report('1/a', 'succeeded')
  assert.equal(run.see('1/b')?.state, 'preparing')
})

test('a job that reports nothing but its success still completes what success implies', () => {
  const run = simulate(definition('a:submit & a:start => b\na => b'))
  run.play()
  run.report('1/a', 'succeeded')
  assert.deepEqual(run.pool(), ['1/b preparing'])
})

test('of alternatives the first one runs the task, and the others do not run it again', () => {
  const run = simulate(definition('a | b => c => d'))
  run.play()
  run.succeed('1/a', '1/c', '1/d')
  assert.deepEqual(run.pool(), ['1/b preparing'])
  run.succeed('1/b')
  assert.deepEqual(run.pool(), [])
  assert.equal(run.status(), 'finished')
})

test('alternatives inside a conjunction count as one', () => {
  const run = simulate(definition('(a | b) & c => d'))
  run.play()
  run.succeed('1/a', '1/b')
  assert.equal(run.see('1/d')?.state, 'waiting')
  run.succeed('1/c')
  assert.equal(run.see('1/d')?.state, 'preparing')
})

test('an optional failure lets the workflow take the other branch', () => {
  const graph = 'climb? => post\nclimb:fail? => recover\npost | recover => done'
  const run = simulate(definition(graph))
  run.play()
  assert.deepEqual(
    run.drain((job) => job === '1/climb/1'),
    ['1/climb/1', '1/recover/1', '1/done/1'],
  )
  assert.equal(run.status(), 'finished')
})

test('a failure that the graph expects completes the task, a success does not', () => {
  const run = simulate(definition('a:fail => b'))
  run.play()
  run.succeed('1/a')
  assert.equal(run.status(), 'stalled')
  const other = simulate(definition('a:fail => b'))
  other.play()
  assert.deepEqual(
    other.drain((job) => job === '1/a/1'),
    ['1/a/1', '1/b/1'],
  )
  assert.equal(other.status(), 'finished')
})

test('a failed submission is incomplete unless the graph handles it', () => {
  const plain = simulate(definition('a => b'))
  plain.play()
  plain.report('1/a', 'submit-failed')
  assert.deepEqual(plain.pool(), ['1/a submit-failed'])
  assert.equal(plain.status(), 'stalled')
  const handled = simulate(definition('a => b\na:submit-fail => c'))
  handled.play()
  handled.report('1/a', 'submit-failed')
  assert.deepEqual(handled.pool(), ['1/c preparing'])
})

test('a submission that failed is tried again as retries say, unless it was killed', () => {
  const tasks = { a: { retries: { count: 1, delay: 'PT5S' } } }
  const run = simulate(definition('a', { tasks }))
  run.play()
  run.report('1/a', 'submit-failed')
  assert.deepEqual(run.pool(), ['1/a waiting'])
  run.wait(5000)
  assert.equal(run.see('1/a')?.submit, 2)
  run.report('1/a', 'submit-failed')
  assert.deepEqual(run.pool(), ['1/a submit-failed'])
  const killed = simulate(definition('a', { tasks }))
  killed.play()
  killed.send({ kind: 'kill', cycle: '1', task: 'a' })
  killed.report('1/a', 'submit-failed')
  assert.deepEqual(killed.pool(), ['1/a submit-failed'])
})

test('the outputs before the first cycle are not waited for', () => {
  const run = simulate(definition('fetch => post\npost[-P1] => fetch', cycles(3)))
  run.play()
  assert.deepEqual(run.pool(), ['1/fetch preparing'])
  assert.deepEqual(run.see('1/fetch')?.prerequisites, [])
  assert.deepEqual(run.drain(), ['1/fetch/1', '1/post/1', '2/fetch/1', '2/post/1', '3/fetch/1', '3/post/1'])
  assert.equal(run.status(), 'finished')
})

test('time cycles depend on earlier ones by durations', () => {
  const schedule = { initial: '20260101T0000Z', final: '+PT12H', recurrence: 'PT6H' }
  const run = simulate(definition('a\na[-PT6H] & a[-PT12H] => b', { schedule }))
  run.play()
  const ran = run.drain()
  assert.equal(ran.filter((job) => job.includes('/b/')).length, 3)
  assert.equal(run.status(), 'finished')
})

test('families: all, any, and members on the right', () => {
  const families = { FAM: {} }
  const tasks = { m1: { family: 'FAM' }, m2: { family: 'FAM' } }
  const run = simulate(
    definition('start => FAM\nFAM:succeed-all => all\nFAM:start-any => any\nm1\nm2', { families, tasks }),
  )
  run.play()
  run.succeed('1/start')
  assert.deepEqual(run.pool(), ['1/m1 preparing', '1/m2 preparing'])
  run.report('1/m1', 'started')
  assert.equal(run.see('1/any')?.state, 'preparing')
  run.succeed('1/m1')
  assert.deepEqual(run.see('1/all')?.prerequisites, [
    { task: 'FAM', cycle: '1', output: 'succeed-all', satisfied: false },
  ])
  run.succeed('1/m2')
  assert.equal(run.see('1/all')?.state, 'preparing')
})

test('a family finishes when each member has ended either way, and is waited for across cycles', () => {
  const families = { FAM: {} }
  const tasks = { m1: { family: 'FAM' }, m2: { family: 'FAM' } }
  const run = simulate(
    definition('FAM:finish-all => next\nFAM[-P1]:finish-all => later', { families, tasks, ...cycles(2) }),
  )
  run.play()
  run.fail('1/m1')
  assert.equal(run.see('1/next')?.state, 'waiting')
  run.succeed('1/m2')
  assert.equal(run.see('1/next')?.state, 'preparing')
  assert.equal(run.see('2/later')?.state, 'preparing')
})

test('a partly satisfied dependant of a family stalls the workflow', () => {
  const families = { FAM: {} }
  const tasks = { m1: { family: 'FAM' }, m2: { family: 'FAM' } }
  const run = simulate(definition('FAM:succeed-all? => x', { families, tasks }))
  run.play()
  run.succeed('1/m1')
  run.fail('1/m2')
  assert.deepEqual(run.pool(), ['1/x waiting'])
  assert.deepEqual(run.summary().stall, {
    total: 1,
    reasons: [
      {
        kind: 'unsatisfied',
        cycle: '1',
        task: 'x',
        missing: [{ task: 'FAM', cycle: '1', output: 'succeed-all', satisfied: false }],
      },
    ],
  })
})

test('an incomplete instance stays and stalls the workflow with its reason; a person’s success ends the stall', () => {
  const run = simulate(definition('a => b'))
  run.play()
  run.fail('1/a')
  assert.equal(run.status(), 'stalled')
  assert.deepEqual(run.summary().stall, {
    total: 1,
    reasons: [{ kind: 'incomplete', cycle: '1', task: 'a', state: 'failed', missing: ['succeeded'] }],
  })
  run.send({ kind: 'pause' })
  assert.equal(run.status(), 'paused')
  assert.equal(run.summary().stall, undefined)
  run.send({ kind: 'resume' })
  const step = run.send({ kind: 'set', cycle: '1', task: 'a' })
  assert.equal(run.status(), 'running')
  assert.deepEqual([...step.changed.dropped.keys()], ['1/a'])
  assert.deepEqual(run.pool(), ['1/b preparing'])
})

test('a stall is not declared while something is held', () => {
  const run = simulate(definition('a => b\nc'))
  run.send({ kind: 'hold', task: 'c' })
  run.play()
  run.fail('1/a')
  assert.equal(run.status(), 'running')
  run.send({ kind: 'remove', cycle: '1', task: 'c' })
  assert.equal(run.status(), 'stalled')
})

test('no instance runs again in the flow, not even when it was removed', () => {
  const run = simulate(definition('a & b => c\nx => c'))
  run.play()
  run.succeed('1/a')
  run.send({ kind: 'remove', cycle: '1', task: 'c' })
  run.succeed('1/b', '1/x')
  assert.deepEqual(run.pool(), [])
  assert.equal(run.status(), 'finished')
})

test('a changed instance is a new object: one handed out before stays as it was', () => {
  const run = simulate(definition('a => b'))
  const first = run.play()
  const before = run.see('1/a')
  run.report('1/a', 'started')
  assert.equal(before?.state, 'preparing')
  assert.deepEqual([...first.changed.put], ['1/a'])
  const last = run.report('1/a', 'succeeded', { exit: 0 })
  assert.deepEqual([...last.changed.put], ['1/b'])
  const { state, outputs, exit } = last.changed.dropped.get('1/a') ?? {}
  assert.deepEqual(
    { state, outputs, exit },
    { state: 'succeeded', outputs: ['submitted', 'started', 'succeeded'], exit: 0 },
  )
})
