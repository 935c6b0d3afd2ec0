import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile } from '../../engine/compile.ts'
import { type Definition, definition, mustCompile } from './engine-simulation.ts'

/** Every problem as `path line:column message`. */
const problems = (value: unknown): readonly string[] => {
  const compiled = compile(value)
  return compiled.ok
    ? []
    : compiled.problems.map(({ path, message, within }) =>
        [path.join('.'), ...(within ? [`${within.line}:${within.column}`] : []), message].join(' '),
      )
}

const graphProblems = (graph: string, more?: Definition) => problems(definition(graph, more))

test('an unknown key is a problem at its own path, with the key that was probably meant', () => {
  assert.deepEqual(problems({ ...definition('a'), tasks: { a: { scirpt: 'true' } }, graf: '' }), [
    'tasks.a.scirpt "scirpt" is not a known key. Did you mean "script"?',
    'graf "graf" is not a known key. Did you mean "graph"?',
  ])
})

test('a wrong type, a missing graph and a bad duration say what they must be', () => {
  assert.deepEqual(problems({ tasks: { a: { timeLimit: 'ten minutes', retries: { count: 'two' } } } }), [
    'graph must be a text, or a list of texts',
    'tasks.a.retries.count must be a number',
    'tasks.a.timeLimit must be a duration such as PT5S or PT1H',
  ])
  assert.deepEqual(problems('graph'), [' must be an object'])
})

test('an unknown task in the graph is reported once, where it stands, with the nearest right name', () => {
  assert.deepEqual(
    problems({ graph: 'fetch =>\n  climp => post', tasks: { fetch: null, climb: {}, post: {} } }),
    ['graph 2:3 There is no task or family "climp". Did you mean "climb"?'],
  )
})

test('a graph in several texts names the text in the path', () => {
  assert.deepEqual(problems({ graph: ['a => b', 'b => c'], tasks: { a: {}, b: {} } }), [
    'graph.1 1:6 There is no task or family "c".',
  ])
})

test('tasks that wait for each other within a cycle are refused, through families too', () => {
  assert.deepEqual(graphProblems('a => b => c\nc => a'), [
    'graph 1:1 These wait for each other and could never run: a => b => c => a.',
  ])
  assert.deepEqual(graphProblems('a => a'), [
    'graph 1:1 These wait for each other and could never run: a => a.',
  ])
  const families = { families: { FAM: {} }, tasks: { m: { family: 'FAM' } } }
  assert.match(
    graphProblems('FAM:succeed-all => x => m', families)[0] ?? '',
    /m => FAM:succeed-all => x => m/,
  )
})

test('a loop through an earlier cycle is no loop', () => {
  assert.deepEqual(graphProblems('a => b\nb[-P1] => a'), [])
})

test('a deep graph is searched for loops without exhausting the stack', () => {
  const names = Array.from({ length: 20_000 }, (_, index) => `t${index}`)
  const tasks = Object.fromEntries(names.map((name) => [name, null]))
  assert.deepEqual(problems({ graph: names.join(' => '), tasks }), [])
})

test('an output cannot be optional in one place and required in another', () => {
  assert.deepEqual(graphProblems('a => b\nb? => c\nb:fail? => d'), [
    'graph 2:1 "b?" makes b:succeeded optional, but line 1 ("b") makes it required. ' +
      'Write "?" in both places or in none.',
  ])
})

test('success and failure must both be optional if both are used', () => {
  assert.deepEqual(graphProblems('a => b => c\nb:fail? => d'), [
    'graph 1:6 "b:fail?" uses b:failed, so b:succeeded cannot be required: write "b?".',
  ])
  assert.deepEqual(graphProblems('a => b? => c\nb:fail? => d'), [])
  assert.deepEqual(graphProblems('b:finish => c\nb? => d'), [])
})

test('offsets must look back, fit the schedule and its kind, and stand on the left', () => {
  const hourly = { schedule: { initial: '20260101T0000Z', recurrence: 'PT1H' } }
  const faultOf = (graph: string, more?: Definition) => graphProblems(graph, more)[0] ?? ''
  assert.match(faultOf('a[-PT90M] => b', hourly), /-PT90M does not lead to a point of the schedule \(PT1H\)/)
  assert.match(faultOf('a[-P1] => b', hourly), /The cycles are times/)
  assert.match(faultOf('a[-PT1H] => b'), /The cycles are integers/)
  assert.match(faultOf('a[+P1] => b'), /not an offset into the past/)
  assert.match(faultOf('a[^] => b'), /not an offset into the past/)
  assert.match(faultOf('a => b[-P1]'), /on the left of an arrow only/)
  assert.match(faultOf('a[-P1] => b', { schedule: {} }), /single cycle/)
  assert.deepEqual(graphProblems('a[-PT3H] => b\na', hourly), [])
})

test('| and family triggers are refused where they have no meaning', () => {
  const more = { families: { FAM: {}, EMPTY: {} }, tasks: { m: { family: 'FAM' } } }
  const faultOf = (graph: string) => graphProblems(graph, more)[0] ?? ''
  assert.match(faultOf('a => b | c'), /"\|" has a meaning on the left of an arrow only/)
  assert.match(faultOf('FAM => x'), /write "FAM:succeed-all"/)
  assert.match(faultOf('FAM:succeed-al => x'), /Did you mean "succeed-all"/)
  assert.match(faultOf('m:succeded => x'), /Did you mean "succeed"/)
  assert.match(faultOf('a => EMPTY'), /The family "EMPTY" has no tasks/)
})

test('schedules that contradict themselves are refused', () => {
  const faultOf = (schedule: Definition) => graphProblems('a', { schedule })
  assert.deepEqual(faultOf({ initial: 5, final: 1, recurrence: 'P1' }), [
    'schedule.final is before the initial point',
  ])
  assert.match(faultOf({ initial: 'now', recurrence: 'P1' })[0] ?? '', /schedule.initial must be an integer/)
  assert.match(faultOf({ initial: 1, recurrence: 'PT1H' })[0] ?? '', /schedule.initial must be a UTC point/)
  assert.match(faultOf({ initial: '20260230T0000Z', recurrence: 'P1D' })[0] ?? '', /schedule.initial/)
  assert.match(faultOf({ initial: 1, recurrence: 'P1', clock: true })[0] ?? '', /schedule.clock/)
  assert.match(faultOf({ initial: 1, recurrence: 'PT30S' })[0] ?? '', /schedule.recurrence must be a step/)
  assert.match(faultOf({ initial: 1, recurrence: 0 })[0] ?? '', /schedule.recurrence must be a step/)
})

test('what no supervisor would take is refused with the definition', () => {
  const long = 'x'.repeat(65_537)
  assert.deepEqual(
    problems(
      definition('a', {
        tasks: { a: { runner: 'backgruond', timeLimit: 'PT0S', environment: { A: 'a\0b', B: long, C: 1 } } },
      }),
    ),
    [
      'tasks.a.runner There is no runner "backgruond". Did you mean "background"?',
      'tasks.a.timeLimit must be longer than nothing',
      'tasks.a.environment.A must be at most 65536 characters without NUL',
      'tasks.a.environment.B must be at most 65536 characters without NUL',
    ],
  )
  const much = Object.fromEntries(['A', 'B', 'C'].map((name) => [name, 'x'.repeat(60_000)]))
  assert.deepEqual(problems(definition('a', { families: { root: { environment: much } } })), [
    'tasks.a Its environment, with that of its families, is larger than 131072 characters.',
  ])
})

test('unknown families and queues and circular inheritance are refused', () => {
  assert.deepEqual(
    problems({
      graph: 'a',
      families: { ONE: { inherits: 'TWO' }, TWO: { inherits: 'ONE' }, a: {} },
      tasks: { a: { family: 'ONF', queue: 'big' } },
    }),
    [
      'families.ONE.inherits The family "ONE" inherits from itself.',
      'families.TWO.inherits The family "TWO" inherits from itself.',
      'families.a "a" is the name of a task too.',
      'tasks.a.family There is no family "ONF". Did you mean "ONE"?',
      'tasks.a.queue There is no queue "big".',
    ],
  )
})

test('a task that the graph never names is a warning', () => {
  const compiled = compile({ graph: 'a', tasks: { a: null, b: null } })
  assert.ok(compiled.ok)
  assert.deepEqual(compiled.warnings, [
    { path: ['tasks', 'b'], message: 'The graph does not name "b", so it never runs.' },
  ])
})

test('settings come from families, the nearest first, and environments are merged', () => {
  const { tasks, families } = mustCompile({
    graph: 'a => b',
    families: {
      root: { environment: { SITE: 'north', LEVEL: 1 } },
      MODEL: {
        title: 'Models',
        script: 'model',
        retries: { count: 2, delay: 'PT5S' },
        environment: { LEVEL: 2 },
      },
      FINE: { inherits: 'MODEL', timeLimit: 'PT1M' },
    },
    tasks: { a: { family: 'FINE', environment: { STEP: true } }, b: { script: 'b' } },
  })
  assert.deepEqual(tasks.get('a')?.families, ['FINE', 'MODEL', 'root'])
  assert.equal(tasks.get('a')?.title, undefined)
  assert.deepEqual(tasks.get('a')?.job, {
    script: 'model',
    runner: 'background',
    environment: { SITE: 'north', LEVEL: '2', STEP: 'true' },
    timeLimitMs: 60_000,
  })
  assert.deepEqual(tasks.get('a')?.retries, { count: 2, delayMs: 5000 })
  assert.equal(tasks.get('b')?.job.script, 'b')
  assert.deepEqual(families.get('MODEL')?.members, ['a'])
})

test('a family trigger between N and M tasks is stored as N + M edges', () => {
  const names = (prefix: string) => Array.from({ length: 100 }, (_, index) => `${prefix}${index}`)
  const tasks = Object.fromEntries(
    [...names('n')]
      .map((name) => [name, { family: 'N' }])
      .concat(names('m').map((name) => [name, { family: 'M' }])),
  )
  const workflow = mustCompile({ graph: 'N:succeed-all => M', families: { N: {}, M: {} }, tasks })
  const gate = workflow.gates.get('N:succeed-all')
  assert.equal(gate?.children.length, 100)
  assert.equal([...workflow.tasks.values()].flatMap(({ plan }) => plan.children.flat()).length, 0)
  assert.equal([...workflow.tasks.values()].flatMap(({ plan }) => plan.gates).length, 100)
})

test('permissions are passed on untouched', () => {
  const permissions = { read: ['owner'], odd: [1, null] }
  assert.equal(mustCompile({ ...definition('a'), permissions }).permissions, permissions)
})

test('the edges say what people drew', () => {
  const { edges } = mustCompile(definition('a? | b => c\na:fail? => d\nc[-P1] => a?', {}))
  assert.deepEqual(edges, [
    { from: 'a', to: 'c', output: 'succeeded', alternative: true },
    { from: 'b', to: 'c', output: 'succeeded', alternative: true },
    { from: 'a', to: 'd', output: 'failed', alternative: false },
    { from: 'c', to: 'a', output: 'succeeded', offset: '-P1', alternative: false },
  ])
})
