import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accountKinds } from '../../protocol/rows.ts'
import { createTables } from '../../web/state/tables.ts'

const instance = (task: string, over: object = {}) => ({
  kind: 'instance',
  key: `waves//1/${task}`,
  row: {
    workflow: 'waves',
    cycle: '1',
    task,
    state: 'waiting',
    held: false,
    queued: false,
    runahead: false,
    late: false,
    stopped: false,
    retryAt: null,
    submit: 0,
    submittedAt: null,
    startedAt: null,
    finishedAt: null,
    outputs: [],
    prerequisites: [],
    at: 1,
    ...over,
  },
})

const create = () => {
  const waiting: (() => void)[] = []
  const tables = createTables(accountKinds, (run) => waiting.push(run))
  return { tables, waiting, flush: () => waiting.splice(0).forEach((run) => void run()) }
}

test('a reset replaces everything, a change only what it names', () => {
  const { tables } = create()
  tables.apply({ reset: true, put: [instance('a'), instance('b')], drop: [] })
  tables.apply({
    reset: false,
    put: [instance('a', { state: 'running' })],
    drop: [{ kind: 'instance', key: 'waves//1/b' }],
  })
  assert.deepEqual(
    [...tables.peek().instance.values()].map((row) => [row.task, row.state]),
    [['a', 'running']],
  )
  tables.apply({ reset: true, put: [], drop: [] })
  assert.equal(tables.peek().instance.size, 0)
})

test('many changes make one new picture', () => {
  const { tables, waiting, flush } = create()
  tables.apply({ reset: true, put: [], drop: [] })
  const before = tables.version.value
  for (const task of ['a', 'b', 'c']) tables.apply({ reset: false, put: [instance(task)], drop: [] })
  assert.equal(waiting.length, 1)
  flush()
  assert.equal(tables.version.value, before + 1)
})

test('a row that is not what it should be is left out and counted, never shown half-true', () => {
  const { tables } = create()
  tables.apply({ reset: true, put: [instance('a')], drop: [] })
  tables.apply({ reset: false, put: [instance('a', { state: 'dancing' })], drop: [] })
  assert.equal(tables.peek().instance.size, 0)
  assert.equal(tables.unreadable.value, 1)
})

test('kinds that this page does not know are ignored', () => {
  const { tables } = create()
  const unknown = { kind: '__proto__', key: 'polluted', row: true }
  tables.apply({ reset: true, put: [unknown, { ...unknown, kind: 'future' }], drop: [unknown] })
  assert.equal(tables.unreadable.value, 0)
  assert.equal('polluted' in {}, false)
})
