/** `seneschal workflow`: definitions are read and drawn with nothing but the file. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createCommandLine } from '../harness/command-line.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const good = `
schedule: { initial: 1, recurrence: P1 }
parameters: { m: 1..2 }
graph: |
  fetch? => sim<m> => end
  SIM:succeed-all => end
  end[-P1] => fetch?
  fetch? | other => late
  fetch:fail? => mend
families: { ALL: {}, SIM: { inherits: ALL } }
tasks: { fetch: {}, other: {}, 'sim<m>': { family: SIM }, end: {}, late: {}, mend: {}, idle: {} }
`
const bad = 'graph: |\n  a => b\n  a => => c\ntasks:\n  a:\n  b: { scirpt: x }\n'

const start = async (t: TestContext) => {
  const dir = await temporaryDirectory(t)
  const { seneschal } = createCommandLine(t)
  const write = (name: string, text: string): string => {
    mkdirSync(join(dir, name))
    const file = join(dir, name, 'workflow.yaml')
    writeFileSync(file, text)
    return file
  }
  return { dir, seneschal, write }
}

test('faults of all files are told with their places, warnings too, and the exit code says whether all is well', async (t) => {
  const { dir, seneschal, write } = await start(t)
  const [right, wrong] = [write('clouds', good), write('winds', bad)]
  const sound = await seneschal('workflow', 'validate', join(dir, 'clouds'))
  assert.equal(sound.code, 0, sound.err)
  assert.deepEqual(sound.out.trimEnd().split('\n'), [
    `${right}:11:88: tasks.idle: The graph does not name "idle", so it never runs. (warning)`,
    `${right}: ok, tasks: 8, families: 2`,
  ])
  const both = await seneschal('workflow', 'validate', wrong, right)
  assert.equal(both.code, 1)
  assert.match(both.out, new RegExp(`^${wrong}:6:8: tasks.b.scirpt: .*Did you mean "script"`))
  assert.match(both.out, /ok, tasks: 8/)
  const unread = await seneschal('workflow', 'validate', join(dir, 'none'))
  assert.match(unread.err, /none cannot be read: ENOENT/)
  assert.notEqual(unread.code, 0)
})

test('a graph is drawn with its families, alternatives and arrows from earlier cycles', async (t) => {
  const { dir, seneschal, write } = await start(t)
  write('clouds', good)
  const { out: dot, code, err } = await seneschal('workflow', 'graph', join(dir, 'clouds'))
  assert.equal(code, 0, err)
  for (const line of [
    'digraph "clouds" {',
    '  subgraph "cluster_ALL" {',
    '    subgraph "cluster_SIM" {',
    '      "sim_m1"',
    '  "SIM" [shape=folder]',
    '  "fetch" -> "sim_m2"',
    '  "sim_m2" -> "SIM" [arrowhead=none]',
    '  "SIM" -> "end" [label="succeed-all"]',
    '  "end" -> "fetch" [label="[-P1]", style=dotted, constraint=false]',
    '  "other" -> "late" [style=dashed]',
    '  "fetch" -> "mend" [label="failed"]',
  ])
    assert.ok(dot.split('\n').includes(line), `${line}\n${dot}`)
  const { out: mermaid } = await seneschal('workflow', 'graph', join(dir, 'clouds'), '--format', 'mermaid')
  const id = (name: string) => new RegExp(`^ +(n\\d+)[([]+"${name}"`, 'm').exec(mermaid)?.[1] ?? name
  assert.match(mermaid, /^flowchart LR\n/)
  for (const line of [
    `  ${id('fetch')} --> ${id('sim_m1')}`,
    `  ${id('end')} -.->|"[-P1]"| ${id('fetch')}`,
    `  ${id('other')} -.-> ${id('late')}`,
    `  ${id('sim_m1')} --- ${id('SIM')}`,
    `  ${id('SIM')} -->|"succeed-all"| ${id('end')}`,
  ])
    assert.ok(mermaid.split('\n').includes(line), `${line}\n${mermaid}`)
  const unknown = await seneschal('workflow', 'graph', join(dir, 'clouds'), '--format', 'png')
  assert.match(unknown.err, /Say --format/)
})
