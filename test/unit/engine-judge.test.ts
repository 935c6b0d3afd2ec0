import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definition, type Happening, mustCompile, type Simulation, simulate } from './engine-simulation.ts'

const at = { cycle: '1', task: 'a' } as const

const verdict = (run: Simulation, happening: Happening): string => {
  const judged = run.judge(happening)
  return judged.ok ? 'ok' : `${judged.code}: ${judged.detail}`
}

const running = () => {
  const run = simulate(
    definition('a => b', { schedule: { initial: 1, final: 5, recurrence: 'P1', runahead: 2 } }),
  )
  run.play()
  return run
}

test('what concerns the whole workflow is refused where it makes no sense', () => {
  const run = simulate(definition('a'))
  assert.equal(verdict(run, { kind: 'pause' }), 'state.conflict: The workflow is stopped.')
  assert.equal(verdict(run, { kind: 'resume' }), 'state.conflict: The workflow is stopped, not paused.')
  assert.equal(
    verdict(run, { kind: 'stop', mode: 'now' }),
    'state.conflict: The workflow is stopped already.',
  )
  assert.equal(verdict(run, { kind: 'play' }), 'ok')
  run.play()
  assert.equal(verdict(run, { kind: 'play' }), 'state.conflict: The workflow is running.')
  run.send({ kind: 'pause' })
  assert.equal(verdict(run, { kind: 'play' }), 'ok')
  run.send({ kind: 'stop', mode: 'clean' })
  assert.match(verdict(run, { kind: 'trigger', ...at }), /^state.conflict: The workflow is stopping/)
  assert.equal(verdict(run, { kind: 'stop', mode: 'now' }), 'ok')
  run.send({ kind: 'stop', mode: 'now' })
  run.play()
  run.drain()
  assert.equal(verdict(run, { kind: 'play' }), 'state.conflict: The workflow is finished.')
})

test('unknown tasks, cycles off the schedule and instances that are not there are told apart', () => {
  const run = running()
  assert.equal(
    verdict(run, { kind: 'kill', cycle: '1', task: 'aa' }),
    'task.unknown: There is no task "aa". Did you mean "a"?',
  )
  assert.equal(
    verdict(run, { kind: 'kill', cycle: 'x', task: 'a' }),
    'instance.unknown: x/a cannot be: its cycle is not on the schedule.',
  )
  assert.equal(
    verdict(run, { kind: 'trigger', cycle: '6', task: 'a' }),
    'instance.unknown: 6/a is after the final cycle.',
  )
  assert.equal(
    verdict(run, { kind: 'kill', cycle: '1', task: 'b' }),
    'instance.unknown: 1/b does not exist yet.',
  )
  run.succeed('1/a')
  assert.equal(verdict(run, { kind: 'kill', ...at }), 'instance.unknown: 1/a has ended.')
  assert.equal(verdict(run, { kind: 'hold', ...at }), 'instance.unknown: 1/a has ended.')
  assert.equal(
    verdict(simulate(definition('a')), { kind: 'trigger', ...at }),
    'instance.unknown: 1/a cannot be: the workflow has not run yet.',
  )
})

test('only what is active is killed, only what is not is triggered, removed or set to an end', () => {
  const run = running()
  for (const kind of ['trigger', 'task-start', 'remove', 'set'] as const) {
    assert.match(verdict(run, { kind, ...at }), /^state.conflict: It is preparing/, kind)
  }
  assert.equal(verdict(run, { kind: 'set', ...at, outputs: ['started'] }), 'ok')
  assert.equal(verdict(run, { kind: 'kill', ...at }), 'ok')
  run.fail('1/a')
  for (const kind of ['trigger', 'task-start', 'remove', 'set'] as const) {
    assert.equal(verdict(run, { kind, ...at }), 'ok', kind)
  }
  for (const kind of ['kill', 'task-stop'] as const) {
    assert.equal(verdict(run, { kind, ...at }), 'state.conflict: It has no job: it is failed.', kind)
  }
})

test('nothing is held or stopped twice, or released without being held', () => {
  const run = running()
  assert.equal(verdict(run, { kind: 'release', ...at }), 'state.conflict: Nothing of it is held.')
  run.send({ kind: 'hold', ...at })
  assert.equal(verdict(run, { kind: 'hold', ...at }), 'state.conflict: It is held already.')
  assert.equal(verdict(run, { kind: 'release', task: 'a' }), 'ok')
  assert.equal(verdict(run, { kind: 'release', cycle: '2' }), 'state.conflict: Nothing of it is held.')
  run.send({ kind: 'hold' })
  assert.equal(verdict(run, { kind: 'hold' }), 'state.conflict: It is held already.')
  run.send({ kind: 'task-stop', ...at })
  assert.equal(verdict(run, { kind: 'task-stop', ...at }), 'state.conflict: It is stopped already.')
})

test('a reload may not move the cycles of a workflow that has run', () => {
  const moved = mustCompile(definition('a => b', { schedule: { initial: 2, final: 5, recurrence: 'P1' } }))
  const longer = mustCompile(definition('a => b', { schedule: { initial: 1, final: 9, recurrence: 'P1' } }))
  const run = running()
  assert.match(verdict(run, { kind: 'reload', workflow: moved }), /^state.conflict: The initial point/)
  assert.equal(verdict(run, { kind: 'reload', workflow: longer }), 'ok')
  assert.equal(verdict(simulate(definition('a')), { kind: 'reload', workflow: moved }), 'ok')
})

test('a recurrence that is written differently is the same', () => {
  const every = (recurrence: string) =>
    definition('a', { schedule: { initial: '20260101T0000Z', recurrence } })
  const run = simulate(every('PT1H'))
  run.play()
  const to = (recurrence: string) =>
    verdict(run, { kind: 'reload', workflow: mustCompile(every(recurrence)) })
  assert.equal(to('PT60M'), 'ok')
  assert.match(to('PT61M'), /^state.conflict/)
  assert.match(to('P1M'), /^state.conflict/)
})
