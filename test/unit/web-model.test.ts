import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InstanceRow, TaskRow } from '../../protocol/rows.ts'
import { modifiers, workflowSeverity } from '../../web/model/attention.ts'
import { textFilter } from '../../web/model/filter.ts'
import { appendLog, emptyLog, fromWholeLine, holdBack, readable } from '../../web/model/log.ts'
import { offers } from '../../web/model/menu.ts'
import { byCycle, cycleSpan, keepPlaces } from '../../web/model/order.ts'
import { whyNotTask } from '../../web/model/sense.ts'
import { age, countdown, duration, progress } from '../../web/model/time.ts'
import { treeLines } from '../../web/model/tree.ts'
import { pageOf, wallGrid } from '../../web/model/wall-grid.ts'
import { matchRoute, pagePath, pathOf, type Route, viewPath } from '../../web/routes.ts'

const instance = (cycle: string, task: string, over: Partial<InstanceRow> = {}): InstanceRow => ({
  workflow: 'clouds',
  cycle,
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
  at: 0,
  ...over,
})
const task = (name: string, ...families: string[]): [string, TaskRow] => [
  `clouds//${name}`,
  {
    workflow: 'clouds',
    task: name,
    title: null,
    families,
    runner: 'background',
    meanRun: null,
    after: [],
  },
]

test('every page has one address, and an address leads to its page', () => {
  const params = { account: 'ocean', workflow: 'waves', cycle: '20261122T0600Z', task: 'climb' }
  const path = pathOf('task', params)
  assert.equal(path, '/accounts/ocean/workflows/waves/cycles/20261122T0600Z/tasks/climb')
  assert.deepEqual(matchRoute(path), { name: 'task', params })
  assert.equal(matchRoute('/accounts/ocean/')?.name, 'account')
  assert.equal(matchRoute('/accounts//workflows/waves'), undefined)
  assert.equal(matchRoute('/nowhere'), undefined)
  assert.equal(matchRoute('/accounts/%E0%A4%A'), undefined)
})

test('a task stands beside its tree, and all views of a workflow are one page', () => {
  const workflow = { account: 'ocean', workflow: 'waves' }
  const tree = pathOf('tree', workflow)
  const at = (path: string): Route => {
    const found = matchRoute(path)
    assert.ok(found !== undefined, path)
    return found
  }
  const task = at(pathOf('task', { ...workflow, cycle: '1', task: 'climb' }))
  const history = at(pathOf('history', workflow))
  assert.deepEqual([viewPath(task), pagePath(task)], [tree, tree])
  assert.deepEqual([viewPath(history), pagePath(history)], [pathOf('history', workflow), tree])
  assert.equal(pagePath(at('/accounts/ocean')), '/accounts/ocean')
  assert.equal(pagePath(at('/audit')), '/audit')
})

test('a name cannot break out of its place in an address', () => {
  const path = pathOf('account', { account: '../../api/session?x=#' })
  assert.equal(path.split('/').length, 3)
  assert.deepEqual(matchRoute(path), { name: 'account', params: { account: '../../api/session?x=#' } })
})

test('the tree shows cycles, families, tasks in places that do not depend on their states', () => {
  const input = {
    instances: [
      instance('20261122T0600Z', 'climb', { state: 'failed' }),
      instance('20261122T0000Z', 'fetch10', { state: 'succeeded' }),
      instance('20261122T0000Z', 'fetch9', { state: 'succeeded' }),
      instance('20261122T0000Z', 'climb', { state: 'running' }),
    ],
    tasks: new Map([task('climb', 'root', 'MODEL', 'DEEP'), task('fetch9', 'root'), task('fetch10')]),
    jobs: [],
    matches: () => true,
    filtering: false,
  }
  const ids = (open: (id: string, settled: boolean) => boolean) =>
    treeLines({ ...input, open }).map((line) => `${'·'.repeat(line.level)}${line.id}`)
  assert.deepEqual(
    ids(() => true),
    [
      '·cycle:20261122T0000Z',
      '··cycle:20261122T0000Z/MODEL',
      '···cycle:20261122T0000Z/MODEL/DEEP',
      '····task:20261122T0000Z/climb',
      '··task:20261122T0000Z/fetch9',
      '··task:20261122T0000Z/fetch10',
      '·cycle:20261122T0600Z',
      '··cycle:20261122T0600Z/MODEL',
      '···cycle:20261122T0600Z/MODEL/DEEP',
      '····task:20261122T0600Z/climb',
    ],
  )
  assert.deepEqual(ids((id) => id !== 'cycle:20261122T0000Z').slice(0, 2), [
    '·cycle:20261122T0000Z',
    '·cycle:20261122T0600Z',
  ])
})

test('a filter opens what holds a match and leaves the rest out', () => {
  const lines = treeLines({
    instances: [instance('1', 'climb'), instance('2', 'fetch')],
    tasks: new Map([task('climb', 'MODEL')]),
    jobs: [],
    open: () => false,
    matches: (row) => row.task === 'climb',
    filtering: true,
  })
  assert.deepEqual(
    lines.map((line) => line.id),
    ['cycle:1', 'cycle:1/MODEL', 'task:1/climb'],
  )
})

test('words filter anywhere, patterns a whole name', () => {
  const text = '20261122T0600Z/obs_radar FETCH'
  for (const yes of ['', 'radar', 'fetch radar', 'obs_*', '*radar', 'obs_rada?', 'FETCH'])
    assert.equal(textFilter(yes)(text), true, yes)
  for (const no of ['sonde', 'radar sonde', 'rad*', 'obs_', 'obs_radar?'].filter((word) => word !== 'obs_'))
    assert.equal(textFilter(no)(text), false, no)
  assert.equal(textFilter('(a+)+$ [')(text), false)
})

test('integer cycles sort by value and the day of a span is said once', () => {
  assert.deepEqual(['10', '9', '1'].sort(byCycle), ['1', '9', '10'])
  assert.equal(cycleSpan('20261122T0000Z', '20261122T0600Z'), '2026-11-22 00:00Z … 06:00Z')
  assert.equal(cycleSpan('20261122T1800Z', '20261123T0000Z'), '2026-11-22 18:00Z … 2026-11-23 00:00Z')
  assert.equal(cycleSpan('4', '9'), '4 … 9')
})

test('rows keep their place while somebody is among them', () => {
  const same = (value: string) => value
  assert.deepEqual(keepPlaces(['a', 'b', 'c'], ['c', 'd', 'a'], same), ['a', 'c', 'd'])
})

test('what may never be done is not offered, what needs privileges says which', () => {
  const allowed = { view: true, stop: true, hold: true, play: true, edit: false }
  assert.deepEqual(
    offers('task', allowed, undefined).map(({ name, raise }) => [name, raise]),
    [
      ['stop', 'execute'],
      ['hold', 'execute'],
    ],
  )
  assert.deepEqual(
    offers('workflow', { edit: true, play: true }, 'execute').map(({ name, raise }) => [name, raise]),
    [
      ['play', undefined],
      ['edit', 'write'],
    ],
  )
  assert.deepEqual(offers('task', {}, 'write'), [])
})

test('what makes no sense now says why', () => {
  const running = instance('1', 'climb', { state: 'running' })
  assert.equal(whyNotTask('kill', running), undefined)
  assert.match(whyNotTask('trigger', running) ?? '', /running/)
  assert.match(whyNotTask('kill', instance('1', 'climb')) ?? '', /no job/)
  assert.match(whyNotTask('release', running) ?? '', /not held/)
})

test('failed, stalled and refused need attention at once, late soon, the rest not', () => {
  const row = (over: object) =>
    workflowSeverity({
      workflow: 'clouds',
      meta: {},
      state: 'running',
      held: false,
      stall: null,
      cycles: null,
      at: 0,
      problem: null,
      counts: {
        waiting: 0,
        preparing: 0,
        submitted: 0,
        running: 3,
        succeeded: 9,
        failed: 0,
        'submit-failed': 0,
        expired: 0,
        held: 2,
        late: 0,
        retrying: 0,
        ...('counts' in over ? (over.counts as object) : {}),
      },
      ...('state' in over ? { state: over.state as 'stalled' } : {}),
    })
  assert.equal(row({}), 2)
  assert.equal(row({ counts: { late: 1 } }), 1)
  assert.equal(row({ counts: { failed: 1, late: 1 } }), 0)
  assert.equal(row({ state: 'stalled' }), 0)
  assert.deepEqual(modifiers(instance('1', 'a', { held: true, stopped: true, late: true })), [
    'stopped',
    'late',
  ])
})

test('times keep their width and never promise more than is left', () => {
  assert.equal(countdown(899_001), '15:00')
  assert.equal(countdown(1), '00:01')
  assert.equal(countdown(-5), '00:00')
  assert.equal(duration(3_753_000), '1:02:33')
  assert.equal(duration(42_999), '0:42')
  assert.equal(age(59_000), '55 s')
  assert.equal(progress(0, 10, 25), 1)
  assert.equal(progress(null, 10, 25), undefined)
})

test('the wall shows all tiles on as few pages as can be read', () => {
  for (const [tiles, pages] of [
    [0, 1],
    [4, 1],
    [36, 1],
    [57, 2],
    [1000, 28],
  ] as const) {
    const grid = wallGrid(tiles, 1900, 960)
    assert.equal(grid.pages, pages, `${tiles} tiles`)
    assert.ok(grid.columns * grid.rows * grid.pages >= tiles)
    const shown = Array.from({ length: grid.pages }, (_, page) =>
      pageOf(
        Array.from({ length: tiles }, (_, index) => index),
        grid,
        page,
      ),
    ).flat()
    assert.equal(shown.length, tiles)
  }
  assert.deepEqual(wallGrid(4, 1900, 960), { columns: 2, rows: 2, pages: 1 })
})

test('a log shows control characters instead of obeying them', () => {
  assert.equal(readable('\u001b[31mred\u001b[0m plain'), 'red plain')
  assert.equal(readable('a\u202eb\u0007c'), 'a\\x202eb\\x07c')
  assert.equal(readable('50 %\r100 %\r\n'), '50 %\n100 %\n')
  assert.equal(readable('\u001b]8;;http://evil\u0007click\u001b]8;;\u0007'), 'click')
})

test('a log that arrives in pieces reads as if it came at once', () => {
  const whole = 'one\r\ntwo \u001b[1mbold\u001b[0m\nthree'
  for (let cut = 0; cut <= whole.length; cut += 1) {
    const [ready, rest] = holdBack(whole.slice(0, cut))
    const [second, left] = holdBack(rest + whole.slice(cut))
    assert.equal(
      appendLog(appendLog(emptyLog, ready), second).text + left,
      'one\ntwo bold\nthree',
      `at ${cut}`,
    )
  }
  assert.equal(fromWholeLine('alf a line\nwhole'), 'whole')
})

test('a log that never ends stays bounded, by whole lines', () => {
  const line = `${'x'.repeat(99)}\n`
  let log = emptyLog
  for (let piece = 0; piece < 60; piece += 1) log = appendLog(log, line.repeat(1000))
  assert.ok(log.text.length <= 4_000_000)
  assert.equal(log.cut, true)
  assert.ok(log.text.startsWith('x') && log.text.indexOf('\n') === 99)
})
