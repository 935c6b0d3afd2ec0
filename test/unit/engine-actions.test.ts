import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pendingEffects } from '../../engine/summary.ts'
import { definition, mustCompile, simulate } from './engine-simulation.ts'

const retrying = { tasks: { a: { retries: { count: 2, delay: 'PT5S' } } } }
const at = { cycle: '1', task: 'a' } as const

test('a failed job is tried again after its delay, as often as allowed', () => {
  const run = simulate(definition('a => b', retrying))
  run.play()
  run.fail('1/a')
  assert.deepEqual([run.see('1/a')?.state, run.see('1/a')?.retrying, run.wake()], ['waiting', 5000, 5000])
  assert.equal(run.status(), 'running')
  run.wait(4999)
  assert.deepEqual(run.taken(), ['1/a/1'])
  run.wait(1)
  assert.deepEqual(run.taken(), ['1/a/2'])
  run.fail('1/a')
  run.wait(5000)
  run.fail('1/a')
  assert.deepEqual(run.pool(), ['1/a failed'])
  assert.equal(run.status(), 'stalled')
  assert.equal(run.see('1/a')?.submit, 3)
})

test('a failure that will be tried again completes no output', () => {
  const run = simulate(definition('a? => b\na:fail? => recover', retrying))
  run.play()
  run.fail('1/a')
  assert.deepEqual(run.pool(), ['1/a waiting'])
})

test('a stopped task loses its job, completes no failure, and starts again with the next submit number', () => {
  const run = simulate(definition('a? => b\na:fail? => recover', retrying))
  run.play()
  run.report('1/a', 'started')
  run.send({ kind: 'task-stop', ...at })
  assert.deepEqual(run.kills, ['1/a/1'])
  assert.deepEqual(
    [run.see('1/a')?.state, run.see('1/a')?.stopped, run.see('1/a')?.held],
    ['running', true, true],
  )
  assert.deepEqual(run.judge({ kind: 'task-start', ...at }), {
    ok: false,
    code: 'state.conflict',
    detail: 'Its job is still being stopped.',
  })
  run.report('1/a', 'failed', { exit: 143 })
  assert.deepEqual(run.pool(), ['1/a waiting'])
  assert.deepEqual([run.see('1/a')?.stopped, run.see('1/a')?.submit, run.see('1/a')?.exit], [true, 1, 143])
  assert.equal(run.status(), 'running')
  assert.equal(run.wake(), undefined)
  run.taken()
  run.send({ kind: 'task-start', ...at })
  assert.deepEqual(run.taken(), ['1/a/2'])
  assert.deepEqual([run.see('1/a')?.stopped, run.see('1/a')?.held], [false, false])
  run.succeed('1/a')
  assert.deepEqual(run.pool(), ['1/b preparing'])
})

test('a task can be stopped before its job has even been submitted', () => {
  for (const outcome of ['submit-failed', 'failed'] as const) {
    const run = simulate(definition('a? => b\na:fail? => recover\na:submit-fail? => other'))
    run.play()
    run.send({ kind: 'task-stop', ...at })
    assert.deepEqual(pendingEffects(run.state()), [{ kind: 'kill', ...at, submit: 1 }])
    run.report('1/a', outcome)
    assert.deepEqual(run.pool(), ['1/a waiting'])
  }
})

test('a job that succeeded before it could be stopped has succeeded', () => {
  const run = simulate(definition('a? => b\na:fail? => recover'))
  run.play()
  run.send({ kind: 'task-stop', ...at })
  run.report('1/a', 'succeeded')
  assert.deepEqual(run.pool(), ['1/b preparing'])
})

test('a killed job fails like any other, is held and not tried again', () => {
  const run = simulate(definition('a? => b\na:fail? => recover', retrying))
  run.play()
  run.report('1/a', 'submitted')
  run.send({ kind: 'kill', ...at })
  assert.deepEqual(run.kills, ['1/a/1'])
  run.report('1/a', 'failed')
  assert.deepEqual(run.pool(), ['1/recover preparing'])
  const required = simulate(definition('a => b', retrying))
  required.play()
  required.send({ kind: 'kill', ...at })
  required.report('1/a', 'failed')
  assert.deepEqual([required.see('1/a')?.state, required.see('1/a')?.held], ['failed', true])
  assert.equal(required.wake(), undefined)
})

test('news that comes twice, late, or of an old job changes nothing', () => {
  const run = simulate(definition('a => b', retrying))
  run.play()
  run.report('1/a', 'started')
  const again = run.report('1/a', 'started')
  const late = run.report('1/a', 'submit-failed')
  for (const { changed } of [again, late]) {
    assert.deepEqual([changed.put.size, changed.dropped.size, changed.summary], [0, 0, false])
  }
  run.report('1/a', 'failed')
  run.report('1/a', 'failed')
  assert.equal(run.see('1/a')?.retrying, 5000)
  run.wait(5000)
  const old = run.report('1/a', 'succeeded', { submit: 1 })
  assert.deepEqual([old.changed.put.size, old.changed.dropped.size], [0, 0])
  run.report('1/a', 'succeeded')
  const unknown = run.report('7/nothing', 'succeeded')
  const gone = run.report('1/a', 'succeeded', { submit: 2 })
  for (const { changed } of [unknown, gone])
    assert.deepEqual([changed.put.size, changed.dropped.size], [0, 0])
  assert.deepEqual(run.pool(), ['1/b preparing'])
})

test('a late "submitted" only adds its time', () => {
  const run = simulate(definition('a'))
  run.play()
  run.report('1/a', 'started')
  run.wait(10)
  run.report('1/a', 'submitted')
  assert.deepEqual([run.see('1/a')?.state, run.see('1/a')?.submittedAt], ['running', 10])
})

test('nothing is submitted while paused, and what became ready goes first afterwards', () => {
  const run = simulate(definition('a => b'))
  run.play()
  run.send({ kind: 'pause' })
  run.succeed('1/a')
  assert.deepEqual(run.pool(), ['1/b waiting'])
  assert.equal(run.see('1/b')?.queued, true)
  run.taken()
  run.send({ kind: 'resume' })
  assert.deepEqual(run.taken(), ['1/b/1'])
})

test('a clean stop waits for active jobs, and play goes on where it stopped', () => {
  const run = simulate(definition('a => b'))
  run.play()
  run.send({ kind: 'stop', mode: 'clean' })
  assert.equal(run.status(), 'stopping')
  run.succeed('1/a')
  assert.equal(run.status(), 'stopped')
  run.taken()
  run.play()
  assert.deepEqual(run.taken(), ['1/b/1'])
})

test('a stop now leaves jobs to themselves, and their news still counts', () => {
  const run = simulate(definition('a => b'))
  run.play()
  run.send({ kind: 'stop', mode: 'now' })
  assert.equal(run.status(), 'stopped')
  run.succeed('1/a')
  run.taken()
  run.play()
  assert.deepEqual(run.taken(), ['1/b/1'])
})

test('instances can be held before they exist, one by one, by task, by cycle, or all', () => {
  const schedule = { initial: 1, final: 2, recurrence: 'P1' }
  const scopes = [{ cycle: '2', task: 'b' }, { task: 'b' }, { cycle: '2' }, {}]
  for (const scope of scopes) {
    const run = simulate(definition('a => b', { schedule }))
    run.play()
    run.send({ kind: 'hold', ...scope })
    run.succeed('2/a')
    assert.deepEqual([run.see('2/b')?.held, run.see('2/b')?.queued], [true, false], JSON.stringify(scope))
    run.send({ kind: 'release', ...scope })
    assert.equal(run.see('2/b')?.state, 'preparing', JSON.stringify(scope))
  }
})

test('a task, or the whole workflow, can be held before the first play', () => {
  for (const scope of [{ task: 'a' }, {}]) {
    const run = simulate(definition('a => b'))
    run.send({ kind: 'hold', ...scope })
    run.play()
    assert.deepEqual(run.taken(), [])
    run.send({ kind: 'release', cycle: '1', task: 'a' })
    assert.deepEqual(run.taken(), ['1/a/1'])
  }
})

test('a held instance is not tried again until it is released', () => {
  const run = simulate(definition('a', retrying))
  run.play()
  run.send({ kind: 'hold', ...at })
  run.fail('1/a')
  run.wait(6000)
  assert.deepEqual(run.taken(), ['1/a/1'])
  run.send({ kind: 'release', ...at })
  assert.deepEqual(run.taken(), ['1/a/2'])
})

test('a trigger runs what waits, what is held, what is paused and what is far ahead', () => {
  const schedule = { initial: 1, recurrence: 'P1', runahead: 1 }
  const run = simulate(definition('a & b => c', { schedule }))
  run.play()
  run.send({ kind: 'pause' })
  run.succeed('1/a')
  run.taken()
  run.send({ kind: 'hold', cycle: '1', task: 'c' })
  run.send({ kind: 'trigger', cycle: '1', task: 'c' })
  run.send({ kind: 'trigger', cycle: '40', task: 'c' })
  assert.deepEqual(run.taken(), ['1/c/1', '40/c/1'])
  assert.equal(run.see('1/c')?.held, true)
  run.succeed('40/c')
  assert.equal(run.see('40/c'), undefined)
})

test('what a person triggered ahead of the flow does not run again when the flow arrives', () => {
  const schedule = { initial: 1, final: 2, recurrence: 'P1', runahead: 1 }
  const run = simulate(definition('a => b', { schedule }))
  run.play()
  run.send({ kind: 'trigger', cycle: '2', task: 'b' })
  assert.deepEqual([...run.drain()].sort(), ['1/a/1', '1/b/1', '2/a/1', '2/b/1'])
  assert.equal(run.status(), 'finished')
})

test('a failed instance that is triggered gets a new series of retries and a new job', () => {
  const run = simulate(definition('a => b', { tasks: { a: { retries: { count: 1 } } } }))
  run.play()
  run.drain((job) => job.startsWith('1/a/'))
  run.wait(0)
  run.drain((job) => job.startsWith('1/a/'))
  assert.equal(run.status(), 'stalled')
  run.send({ kind: 'trigger', ...at })
  run.fail('1/a')
  run.wait(0)
  run.succeed('1/a')
  assert.deepEqual(run.pool(), ['1/b preparing'])
  assert.deepEqual(run.taken(), ['1/a/3', '1/a/4', '1/b/1'])
})

test('a forgotten instance is triggered only by whoever knows its last submit number', () => {
  const schedule = { initial: 1, recurrence: 'P1', runahead: 1 }
  const run = simulate(definition('a => b', { schedule }))
  run.play()
  for (const cycle of [1, 2, 3]) run.succeed(`${cycle}/a`, `${cycle}/b`)
  run.taken()
  assert.equal(run.judge({ kind: 'trigger', ...at }).ok, false)
  assert.equal(run.judge({ kind: 'trigger', ...at, lastSubmit: 1 }).ok, true)
  run.send({ kind: 'trigger', ...at, lastSubmit: 1 })
  assert.deepEqual(run.taken(), ['1/a/2'])
  run.succeed('1/a')
  assert.deepEqual(run.pool(), ['4/a preparing'])
})

test('set completes named outputs, and what they imply, without a job', () => {
  const run = simulate(definition('a? => b\na:fail? => recover\nx => a?'))
  run.play()
  run.send({ kind: 'set', ...at, outputs: ['failed'] })
  assert.deepEqual(run.pool(), ['1/x preparing', '1/recover preparing'])
  run.succeed('1/x')
  assert.deepEqual(run.pool(), ['1/recover preparing'])
})

test('set of an output in the middle reaches the dependants while the job goes on', () => {
  const run = simulate(definition('a:start => b\na => c'))
  run.play()
  run.send({ kind: 'set', ...at, outputs: ['started'] })
  assert.deepEqual(run.pool(), ['1/a preparing', '1/b preparing'])
  run.succeed('1/a')
  assert.deepEqual(run.pool(), ['1/b preparing', '1/c preparing'])
})

test('a job that runs longer than expected is late, and the mean of run times is learnt', () => {
  const schedule = { initial: 1, recurrence: 'P1', runahead: 1 }
  const run = simulate(definition('a', { schedule, tasks: { a: { expectedRunTime: 'PT20S' } } }))
  run.play()
  run.report('1/a', 'started')
  assert.equal(run.wake(), 20_000)
  const step = run.wait(20_000)
  assert.equal(run.see('1/a')?.late, true)
  assert.ok(step.changed.put.has('1/a'))
  assert.equal(run.wake(), undefined)
  run.report('1/a', 'succeeded')
  run.report('2/a', 'started')
  assert.equal(run.see('2/a')?.meanRunMs, 20_000)
  run.wait(10_000)
  run.report('2/a', 'succeeded')
  assert.equal(run.see('3/a')?.meanRunMs, 15_000)
})

test('time never goes back', () => {
  const run = simulate(definition('a', retrying), 1_000_000)
  run.play()
  run.send({ kind: 'tick', at: 5 } as never)
  run.fail('1/a')
  assert.equal(run.see('1/a')?.retrying, 1_005_000)
})

test('a reload keeps instances, takes new settings and prerequisites, and drops what has no task any more', () => {
  const run = simulate(definition('a => b\nold\nb => old2', { queues: { default: { limit: 1 } } }))
  run.play()
  const next = definition('a => b\nb => c\nextra => b', { tasks: { b: { script: 'new' } } })
  assert.equal(run.judge({ kind: 'reload', workflow: mustCompile(next) }).ok, true)
  const step = run.send({ kind: 'reload', workflow: mustCompile(next) })
  assert.deepEqual([...step.changed.dropped.keys()], ['1/old'])
  run.succeed('1/a')
  assert.deepEqual(
    run.see('1/b')?.prerequisites.map(({ task, satisfied }) => `${task} ${satisfied}`),
    ['a true', 'extra false'],
  )
  run.send({ kind: 'trigger', cycle: '1', task: 'b' })
  run.taken()
  run.succeed('1/b')
  assert.deepEqual(run.pool(), ['1/c preparing'])
})

test('a reload counts family members that ended before it', () => {
  const families = { FAM: {} }
  const tasks = { m1: { family: 'FAM' }, m2: { family: 'FAM' }, y: {} }
  const run = simulate(definition('m1\nm2', { families, tasks }))
  run.play()
  run.succeed('1/m1')
  run.send({
    kind: 'reload',
    workflow: mustCompile(definition('m1\nm2\nFAM:succeed-all => y', { families, tasks })),
  })
  run.succeed('1/m2')
  assert.deepEqual(run.pool(), ['1/y preparing'])
})

test('a job whose task was reloaded away may end, and then leaves', () => {
  const run = simulate(definition('a => b\nc'))
  run.play()
  run.send({ kind: 'reload', workflow: mustCompile(definition('c')) })
  assert.deepEqual(run.pool(), ['1/a preparing', '1/c preparing'])
  run.fail('1/a')
  assert.deepEqual(run.pool(), ['1/c preparing'])
})
