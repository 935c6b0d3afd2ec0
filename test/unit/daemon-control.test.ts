import assert from 'node:assert/strict'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { configuredWindow, windowsOf } from '../../daemon/control/config.ts'
import { createControl } from '../../daemon/control/control.ts'
import {
  addWindow,
  askForDrain,
  askForResume,
  controlDirectory,
  readControl,
  removeWindow,
} from '../../daemon/control/files.ts'
import {
  applyChange,
  changesTo,
  createStandstill,
  mayBegin,
  restsOf,
  type StandstillChange,
} from '../../daemon/control/standstill.ts'
import type { DaemonEvent } from '../../daemon/events.ts'
import type { MaintenanceWindow } from '../../protocol/maintenance.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const window = (change: Partial<MaintenanceWindow> = {}): MaintenanceWindow => ({
  ...{ id: 'w-1', scope: 'host', name: 'n01', from: 1000, until: 2000, reason: 'new disks' },
  ...change,
})
const place = { account: 'atmosphere_stage', host: 'n01', runner: 'background' }

const during = (...windows: readonly MaintenanceWindow[]) => {
  const standstill = createStandstill()
  for (const change of changesTo(standstill, { drained: false, windows }, 1500))
    applyChange(standstill, change)
  return standstill
}

/** A control over real files, at a time that the test says. */
const control = async (t: TestContext, settings: { readonly keepDrained?: boolean } = {}) => {
  const directory = await temporaryDirectory(t)
  const standstill = createStandstill()
  const clock = { now: 500 }
  const told: string[] = []
  const problems: unknown[] = []
  const commit = async (events: readonly DaemonEvent[]): Promise<void> => {
    for (const event of events as readonly StandstillChange[]) {
      applyChange(standstill, event)
      told.push(event.kind === 'drain' ? `drain ${event.on}` : `${event.what} ${event.window.id}`)
    }
  }
  const made = createControl({
    ...{ directory, standstill, commit, configured: [], keepDrained: settings.keepDrained ?? false },
    now: () => clock.now,
    onChange: () => undefined,
    locks: new Map(),
    onLocks: () => undefined,
    onProblem: (error) => problems.push(error),
    signal: AbortSignal.timeout(60_000),
  })
  return { ...made, directory, standstill, clock, told, problems }
}

test('a window stops what it names, and nothing else', () => {
  const cases: readonly (readonly [Partial<MaintenanceWindow>, boolean])[] = [
    [{ scope: 'site', name: null }, false],
    [{ scope: 'host', name: 'n01' }, false],
    [{ scope: 'host', name: 'n02' }, true],
    [{ scope: 'runner', name: 'background' }, false],
    [{ scope: 'runner', name: 'slurm' }, true],
    [{ scope: 'account', name: 'atmosphere_stage' }, false],
    [{ scope: 'account', name: 'oceans_stage' }, true],
  ]
  for (const [change, may] of cases)
    assert.equal(mayBegin(during(window(change)), place), may, JSON.stringify(change))
})

test('a window is announced, begins and ends at its times, each told once', () => {
  const standstill = createStandstill()
  const at = (now: number) => {
    const changes = changesTo(standstill, { drained: false, windows: [window()] }, now)
    for (const change of changes) applyChange(standstill, change)
    return changes.map((change) => (change.kind === 'maintenance' ? change.what : change.kind))
  }
  assert.deepEqual(at(500), ['announced'])
  assert.deepEqual(at(999), [])
  assert.equal(mayBegin(standstill, place), true)
  assert.deepEqual(at(1000), ['began'])
  assert.equal(mayBegin(standstill, place), false)
  assert.deepEqual(restsOf(standstill, place), [
    { scope: 'host', name: 'n01', until: 2000, reason: 'new disks' },
  ])
  assert.deepEqual(at(1999), [])
  assert.deepEqual(at(2000), ['ended'])
  assert.deepEqual(at(2001), [])
  assert.equal(mayBegin(standstill, place), true)
})

test('an account sees the windows of its host and of runners, not those of other accounts', () => {
  const standstill = during(
    window({ id: 'a', name: 'n02' }),
    window({ id: 'b', scope: 'account', name: 'oceans_stage' }),
    window({ id: 'c', scope: 'runner', name: 'slurm' }),
  )
  assert.deepEqual(
    restsOf(standstill, place).map(({ name }) => name),
    ['slurm'],
  )
})

test('drain and resume say the same thing twice without harm, and a start forgets a drain', async (t) => {
  const { directory, begin, standstill, told } = await control(t)
  await askForDrain(directory)
  await askForDrain(directory)
  assert.equal((await readControl(directory)).drained, true)
  await askForResume(directory)
  await askForResume(directory)
  assert.equal((await readControl(directory)).drained, false)
  await askForDrain(directory)
  await begin()
  assert.deepEqual([standstill.drained, told], [false, []])
})

test('a drain outlasts the start where the site says so', async (t) => {
  const { directory, begin, standstill, told } = await control(t, { keepDrained: true })
  await askForDrain(directory)
  await begin()
  assert.deepEqual([standstill.drained, told], [true, ['drain true']])
})

test('windows that were added while there was no daemon count, and those that are over leave no file', async (t) => {
  const { directory, begin, told, clock } = await control(t)
  await addWindow(directory, window({ id: 'over', from: 1, until: 2 }))
  await addWindow(directory, window({ id: 'now', from: 1 }))
  await addWindow(directory, window({ id: 'taken-back' }))
  await removeWindow(directory, 'taken-back')
  await begin()
  assert.deepEqual(told, ['announced now', 'began now'])
  assert.deepEqual(await readdir(controlDirectory(directory)), ['window-now.json'])
  clock.now = 2000
  await begin()
  assert.deepEqual(told.slice(2), ['ended now'])
  assert.deepEqual(await readdir(controlDirectory(directory)), [])
})

test('a file that is no window is told of, and the others count', async (t) => {
  const { directory, begin, told, problems } = await control(t)
  await mkdir(controlDirectory(directory), { recursive: true })
  await writeFile(join(controlDirectory(directory), 'window-bad.json'), '{"v":1,"window":{"until":"never"}}')
  await addWindow(directory, window())
  await begin()
  assert.deepEqual(told, ['announced w-1'])
  assert.match(String(problems[0]), /window-bad\.json/)
})

test('a configured window is the same one after each start, and refused where it never ends or names nothing', () => {
  const entry = {
    scope: 'host',
    name: 'n01',
    from: '2026-12-01T06:00:00Z',
    until: '2026-12-01T09:00:00+01:00',
  }
  const parse = (change: object) => configuredWindow.safeParse({ ...entry, ...change })
  const [first, again] = [parse({}), parse({})].map((parsed) => {
    assert.ok(parsed.success)
    return windowsOf([parsed.data])[0]
  })
  assert.deepEqual(first, again)
  assert.equal((first?.until ?? 0) - (first?.from ?? 0), 2 * 3_600_000)
  for (const wrong of [
    { until: '2026-12-01T06:00:00Z' },
    { from: '2026-12-01T06:00:00' },
    { from: 'soon' },
    { name: undefined },
    { scope: 'site' },
    { scope: 'planet' },
  ])
    assert.equal(parse(wrong).success, false, JSON.stringify(wrong))
})
