import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextWake } from '../../engine/clock.ts'
import { judge } from '../../engine/judge.ts'
import { rows } from '../../engine/rows.ts'
import { restore, serialise } from '../../engine/snapshot.ts'
import { createState, type EngineState } from '../../engine/state.ts'
import { step } from '../../engine/step.ts'
import { pendingEffects, summarise } from '../../engine/summary.ts'
import type { CompiledWorkflow, EngineEvent } from '../../engine/types.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { definition, mustCompile, simulate } from './engine-simulation.ts'

/** Numbers in [0, 1), the same for the same seed (xorshift). */
const generator = (seed: number) => {
  let x = seed | 1
  return (): number => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>> 0) / 2 ** 32
  }
}

const families = { FAM: { retries: { count: 1, delay: 'PT3S' } }, SUB: { inherits: 'FAM' } }
const tasks = {
  m1: { family: 'FAM', queue: 'small' },
  m2: { family: 'SUB', queue: 'small', expectedRunTime: 'PT4S' },
  m3: { family: 'SUB' },
}
const graph = `
  fetch => FAM?
  FAM:succeed-all? => good
  FAM:fail-any? => mend
  (good | mend) & check => post
  fetch:start => check
  post[-PT2M] => fetch
  post[-PT1M]:start & m3[-PT1M]:finish => extra
  lone:submit-fail? => extra2
`
const workflows: readonly CompiledWorkflow[] = [
  mustCompile(
    definition(graph, {
      schedule: { initial: '20260101T0000Z', final: '+PT12M', recurrence: 'PT1M', clock: true, runahead: 3 },
      queues: { default: { limit: 3 }, small: { limit: 1 } },
      families,
      tasks,
    }),
  ),
  mustCompile(
    definition(graph.replaceAll('-PT2M', '-P2').replaceAll('-PT1M', '-P1'), {
      schedule: { initial: 1, final: 12, recurrence: 'P1', runahead: 4 },
      queues: { small: { limit: 2 } },
      families,
      tasks,
    }),
  ),
]

const pick = <T>(random: () => number, from: readonly T[]): T => {
  const chosen = from[Math.floor(random() * from.length)]
  assert.ok(chosen !== undefined)
  return chosen
}

const reports = [
  'submitted',
  'started',
  'succeeded',
  'succeeded',
  'failed',
  'submit-failed',
  'message',
] as const
const people = ['hold', 'release', 'trigger', 'kill', 'task-stop', 'task-start', 'remove', 'set'] as const
const whole = ['pause', 'resume', 'resume', 'play', 'play', 'play'] as const

/** Something that may happen next, sensible or not: mostly news of jobs, sometimes old or of the wrong job. */
const anything = (state: EngineState, random: () => number, at: number): EngineEvent => {
  const pool = rows(state)
  const chance = random()
  if (pool.length === 0 || chance < 0.04) return { kind: pick(random, whole), at }
  if (chance < 0.05) return { kind: 'stop', at, mode: pick(random, ['clean', 'now'] as const) }
  if (chance < 0.25) return { kind: 'tick', at }
  const { cycle, task, submit } = pick(random, pool)
  if (chance < 0.4) {
    const scope = random() < 0.2 ? { task } : { cycle, task }
    const kind = pick(random, people)
    return kind === 'hold' || kind === 'release' ? { kind, at, ...scope } : { kind, at, cycle, task }
  }
  const old = random() < 0.1 ? submit - 1 : submit
  return { kind: 'job', at, cycle, task, submit: old, event: pick(random, reports), exit: 1, text: 'x' }
}

const seen = (state: EngineState) => ({
  rows: rows(state),
  summary: summarise(state),
  wake: nextWake(state),
  pending: pendingEffects(state),
  stored: serialise(state),
})

test('a run interrupted by a restart after any event equals the uninterrupted run, whatever happens', () => {
  for (const [which, workflow] of workflows.entries()) {
    for (let seed = 1; seed <= 16; seed += 1) {
      const random = generator(seed * 7919 + which)
      let now = Date.UTC(2026, 0, 1)
      let kept = createState(workflow)
      let restarted = createState(workflow)
      let completed = 0
      for (let count = 0; count < 250; count += 1) {
        now += Math.floor(random() * 4000)
        const event = count === 0 ? ({ kind: 'play', at: now } as const) : anything(kept, random, now)
        const a = step(kept, event)
        const b = step(restarted, event)
        const where = `workflow ${which}, seed ${seed}, event ${count} ${JSON.stringify(event)}`
        assert.deepEqual(b.effects, a.effects, where)
        assert.deepEqual(b.changed, a.changed, where)
        kept = a.state
        restarted = restore(workflow, JSON.parse(JSON.stringify(serialise(b.state))))
        assert.deepEqual(seen(restarted), seen(kept), where)
        completed = kept.completed
      }
      assert.ok(completed > 0, `seed ${seed}`)
    }
  }
})

test('the changes of every step lead from the old rows to the new ones', () => {
  for (const [which, workflow] of workflows.entries()) {
    for (let seed = 1; seed <= 10; seed += 1) {
      const random = generator(seed * 104_729 + which)
      let now = Date.UTC(2026, 0, 1)
      let state = createState(workflow)
      const mirror = new Map<string, unknown>()
      for (let count = 0; count < 300; count += 1) {
        now += Math.floor(random() * 4000)
        const event = count === 0 ? ({ kind: 'play', at: now } as const) : anything(state, random, now)
        const before = JSON.stringify(summarise(state))
        const done = step(state, event)
        state = done.state
        const present = new Map(rows(state).map((row) => [row.key, row]))
        for (const key of done.changed.dropped.keys()) {
          assert.ok(!present.has(key))
          mirror.delete(key)
        }
        for (const key of done.changed.put) mirror.set(key, present.get(key))
        const where = `workflow ${which}, seed ${seed}, event ${count} ${JSON.stringify(event)}`
        // The mean is learnt by one instance and shown by all of its task; it is no change of theirs.
        const plain = (each: Iterable<readonly [string, unknown]>) =>
          Object.fromEntries([...each].map(([key, row]) => [key, { ...(row as object), meanRunMs: 0 }]))
        assert.deepEqual(plain(mirror), plain(present), where)
        if (!done.changed.summary) assert.equal(JSON.stringify(summarise(state)), before, where)
      }
    }
  }
})

test('an event that is judged to make no sense changes no instance', () => {
  for (const workflow of workflows) {
    const random = generator(4711)
    let now = Date.UTC(2026, 0, 1)
    let state = step(createState(workflow), { kind: 'play', at: now }).state
    let refused = 0
    for (let count = 0; count < 4000; count += 1) {
      now += Math.floor(random() * 2000)
      state = step(state, { kind: 'tick', at: now }).state
      const event = anything(state, random, now)
      const judged = judge(state, event)
      const done = step(state, event)
      state = done.state
      if (judged.ok) continue
      refused += 1
      assert.deepEqual([done.changed.put.size, done.changed.dropped.size], [0, 0], JSON.stringify(event))
    }
    assert.ok(refused > 100, String(refused))
  }
})

test('what was asked for before a restart is asked for again: submissions of preparing instances, owed kills', () => {
  const run = simulate(definition('a\nb\nc'))
  run.play()
  run.report('1/b', 'started')
  run.report('1/c', 'started')
  run.send({ kind: 'kill', cycle: '1', task: 'b' })
  const workflow = mustCompile(definition('a\nb\nc'))
  const restored = restore(workflow, JSON.parse(JSON.stringify(serialise(run.state()))))
  assert.deepEqual(
    pendingEffects(restored).map(({ kind, task, submit }) => `${kind} ${task} ${submit}`),
    ['submit a 1', 'kill b 1'],
  )
})

test('a stored state that was not written by the engine is refused with a code', () => {
  const workflow = mustCompile(definition('a'))
  const good = serialise(createState(workflow))
  for (const bad of [null, {}, { ...good, version: 2 }, { ...good, extra: 1 }, { ...good, cycles: [{}] }]) {
    assert.throws(
      () => restore(workflow, bad),
      (error) => error instanceof SeneschalError && error.code === 'state.unreadable',
    )
  }
})

test('a definition that changed while the daemon was down is taken as by a reload', () => {
  const run = simulate(definition('a => b\nold'))
  run.play()
  const stored = serialise(run.state())
  run.use(restore(mustCompile(definition('a => b\nx => b')), stored))
  run.succeed('1/a')
  assert.equal(run.see('1/b')?.state, 'waiting')
})
