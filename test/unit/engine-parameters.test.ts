/** Names with parameters: which tasks they make, what the graph says of them, and what is wrong with them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile } from '../../engine/compile.ts'
import { mustCompile, simulate } from './engine-simulation.ts'

const base = { schedule: { initial: 1, final: 1, recurrence: 'P1' } }

/** `from => to`, sorted, of a whole definition. */
const edges = (value: object): readonly string[] =>
  mustCompile({ ...base, ...value })
    .edges.map(({ from, to }) => `${from} => ${to}`)
    .toSorted()

const names = (value: object): readonly string[] =>
  [...mustCompile({ ...base, ...value }).tasks.keys()].toSorted()

const problems = (value: object): readonly string[] => {
  const compiled = compile({ ...base, ...value })
  return compiled.ok
    ? []
    : compiled.problems.map(({ path, message, within }) =>
        [path.join('.'), ...(within ? [`${within.line}:${within.column}`] : []), message].join(' '),
      )
}

test('a name is one task for each value: numbers padded to one width, words as they are', () => {
  const graph = 'sim<m> => post<m,region>'
  const tasks = { 'sim<m>': {}, 'post<m,region>': null }
  assert.deepEqual(names({ parameters: { m: '9..10', region: ['north', 'south'] }, graph, tasks }), [
    'post_m09_north',
    'post_m09_south',
    'post_m10_north',
    'post_m10_south',
    'sim_m09',
    'sim_m10',
  ])
  const values = (m: unknown) => names({ parameters: { m }, graph: 'a<m>', tasks: { 'a<m>': {} } })
  assert.deepEqual(values(3), ['a_m3'])
  assert.deepEqual(values('0..12..6'), ['a_m00', 'a_m06', 'a_m12'])
  assert.deepEqual(values('1..2, 7'), ['a_m1', 'a_m2', 'a_m7'])
  assert.deepEqual(values([1, 'cat']), ['a_1', 'a_cat'])
})

test('a line of the graph stands for each combination of what it leaves open', () => {
  const parameters = { m: '1..2', n: '1..2' }
  const tasks = { init: {}, 'a<m>': {}, 'b<m,n>': {}, done: {} }
  assert.deepEqual(edges({ parameters, tasks, graph: 'init => a<m> => b<m,n> => done' }), [
    'a_m1 => b_m1_n1',
    'a_m1 => b_m1_n2',
    'a_m2 => b_m2_n1',
    'a_m2 => b_m2_n2',
    'b_m1_n1 => done',
    'b_m1_n2 => done',
    'b_m2_n1 => done',
    'b_m2_n2 => done',
    'init => a_m1',
    'init => a_m2',
  ])
})

test('an offset is a place in the list; what leads beyond it falls away, and the rest stays', () => {
  const parameters = { m: '1..3' }
  const tasks = { start: {}, 'a<m>': {}, end: {} }
  assert.deepEqual(edges({ parameters, tasks, graph: 'start & a<m-1> => a<m>\na<m=3> => end' }), [
    'a_m1 => a_m2',
    'a_m2 => a_m3',
    'a_m3 => end',
    'start => a_m1',
    'start => a_m2',
    'start => a_m3',
  ])
  const words = { parameters: { m: ['x', 'y', 'z'] }, tasks: { 'a<m>': {}, 'b<m>': {} } }
  assert.deepEqual(edges({ ...words, graph: 'a<m+1> => b<m>' }), ['a_y => b_x', 'a_z => b_y'])
  // The middle falls away: the two ends know nothing of each other.
  const cut = { parameters: { m: '1..2' }, tasks: { 'a<m>': {}, 'b<m>': {}, 'c<m>': {} } }
  assert.deepEqual(edges({ ...cut, graph: 'a<m> => b<m-1> => c<m>' }), ['a_m2 => b_m1', 'b_m1 => c_m2'])
})

test('families have parameters, and members go to that of their own values', () => {
  const { tasks, families } = mustCompile({
    ...base,
    parameters: { region: ['north', 'south'], m: '1..2' },
    families: { ALL: {}, 'REGION<region>': { inherits: 'ALL', environment: { WHERE: 'there' } } },
    tasks: {
      'sim<region,m>': { family: 'REGION<region>' },
      'odd<m>': { family: 'REGION<region=north>' },
      end: {},
    },
    graph: 'REGION<region>:succeed-all => end',
  })
  assert.deepEqual(families.get('REGION_north')?.members, [
    'sim_north_m1',
    'sim_north_m2',
    'odd_m1',
    'odd_m2',
  ])
  assert.deepEqual(tasks.get('sim_south_m2')?.families, ['REGION_south', 'ALL'])
  assert.deepEqual(tasks.get('sim_south_m2')?.job.environment, {
    WHERE: 'there',
    SENESCHAL_PARAM_region: 'south',
    SENESCHAL_PARAM_m: '2',
  })
})

test('one value may be settled apart, before or after the others', () => {
  const { tasks } = mustCompile({
    ...base,
    parameters: { m: '1..3' },
    tasks: {
      'a<m>': { script: 'usual', environment: { LEVELS: 60 } },
      'a<m=2>': { script: 'other', environment: { EXTRA: 'yes' } },
    },
    graph: 'a<m>',
  })
  assert.deepEqual(
    [1, 2, 3].map((m) => tasks.get(`a_m${m}`)?.job.script),
    ['usual', 'other', 'usual'],
  )
  assert.deepEqual(tasks.get('a_m2')?.job.environment, {
    LEVELS: '60',
    EXTRA: 'yes',
    SENESCHAL_PARAM_m: '2',
  })
})

test('it runs as any other graph does', () => {
  const run = simulate({
    ...base,
    parameters: { m: '1..2' },
    tasks: { 'a<m>': {}, end: {} },
    graph: 'a<m-1> => a<m>\na<m> => end',
  })
  run.play()
  assert.deepEqual(run.drain(), ['1/a_m1/1', '1/a_m2/1', '1/end/1'])
})

test('what is wrong is told where it was written, once for all that a name stands for', () => {
  const parameters = { m: '1..3', region: ['north', 'south'] }
  const tasks = { 'a<m>': {}, b: {} }
  const wrong = (more: object) => problems({ parameters, tasks, graph: 'a<m> => b', ...more })
  assert.deepEqual(wrong({}), [])
  assert.deepEqual(wrong({ graph: 'a<m> => c<m>' }), [
    'graph 1:9 There is no task or family "c_m1". Did you mean "a_m1"?',
  ])
  assert.deepEqual(wrong({ graph: 'a<n> => b' }), ['graph 1:1 There is no parameter "n".'])
  assert.deepEqual(wrong({ graph: 'b => a<m=4>' }), ['graph 1:6 "4" is no value of "m".'])
  assert.deepEqual(wrong({ graph: 'b => a<m*2>' }), [
    'graph 1:6 "<m*2>" is not a parameter such as <m>, <m-1> or <m=2>.',
  ])
  assert.deepEqual(wrong({ tasks: { ...tasks, 'c<m>': { scirpt: 'x' } } }), [
    'tasks.c<m>.scirpt "scirpt" is not a known key. Did you mean "script"?',
  ])
  assert.deepEqual(wrong({ tasks: { ...tasks, 'c<m>': { environment: 'x' } } }).length, 1)
  assert.deepEqual(wrong({ tasks: { ...tasks, 'c<m-1>': {} } }), [
    'tasks.c<m-1> An offset has no meaning here: name the parameter, or one value of it.',
  ])
  assert.deepEqual(wrong({ tasks: { ...tasks, c: { family: 'F<m>' } }, families: { 'F<m>': {} } }), [
    'tasks.c.family "m" is not a parameter of this name.',
  ])
  assert.deepEqual(wrong({ tasks: { ...tasks, 'c<m>': { queue: 'heavy' } } }), [
    'tasks.c<m>.queue There is no queue "heavy".',
  ])
  assert.match(wrong({ graph: 'a<m => b' })[0] ?? '', /^graph 1:2 Parameters/)
  assert.deepEqual(problems({ tasks: { a: {} }, graph: 'a<m>' }), ['graph 1:1 There is no parameter "m".'])
})

test('values that are none, and more than anybody has, are refused before they are made', () => {
  const of = (m: unknown, more: object = {}) =>
    problems({ parameters: { m, ...more }, tasks: { 'a<m>': {} }, graph: 'a<m>' })
  for (const [value, why] of [
    ['3..1', /leads nowhere/],
    ['1..9..0', /leads nowhere/],
    ['1..999999999', /more than 10000 values/],
    ['a b', /neither a value nor a range/],
    ['', /neither a value/],
    ['-x', /neither a value/],
    [[1, 1], /has the value "1" twice/],
    [{ from: 1 }, /must give each parameter its values/],
    [true, /must give each parameter its values/],
  ] as const)
    assert.match(of(value).join('\n'), why, JSON.stringify(value))
  assert.match(of('1..2', { 'bad-name': 1 })[0] ?? '', /^parameters\.bad-name "bad-name" is not a valid name/)
  const wide = { parameters: { m: '1..1000', n: '1..1000' }, tasks: { 'a<m,n>': {} }, graph: 'a<m,n>' }
  assert.match(problems(wide)[0] ?? '', /^tasks\.a<m,n> makes more than 100000/)
})
