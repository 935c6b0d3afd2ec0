/** The road of every change: what waits for what, and what one workflow's trouble costs the others. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCore } from '../../daemon/core.ts'
import type { Accepted, DaemonEvent } from '../../daemon/events.ts'
import { siteLayout } from '../../daemon/layout.ts'
import { type Recovered, recover } from '../../daemon/recover.ts'
import { known } from '../../daemon/requests.ts'
import { findWorkflow } from '../../daemon/state.ts'
import { jsonInTurns } from '../../durable/json-in-turns.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const account = 'atmosphere_stage'
const around = { hostOf: () => 'login1' }
const uid = process.getuid?.() ?? 0
const text =
  'schedule: { initial: 1, final: 3, recurrence: P1 }\ngraph: climb\ntasks: { climb: { script: "true" } }\n'

type Journal = Recovered['journal']

const open = async (
  dir: string,
  wrap: (journal: Journal) => Journal = (journal) => journal,
  onEffects: () => void = () => undefined,
) => {
  const found = await recover({
    layout: siteLayout(dir),
    accounts: new Map([[account, { uid, gid: process.getgid?.() ?? 0 }]]),
    writer: 'daemon/main',
    around,
    fence: { check: async () => undefined, disk: (disk) => disk },
    now: Date.now,
    onFeedProblem: () => undefined,
  })
  const faults: string[] = []
  const problems: string[] = []
  const core = createCore({
    ...found,
    journal: wrap(found.journal),
    around,
    now: Date.now,
    snapshotEvery: 3,
    onEffects,
    onRuns: () => undefined,
    onTouched: () => undefined,
    onProblem: (what, error) => (error === null ? undefined : problems.push(what)),
    onFault: ({ kind }) => faults.push(kind),
    signal: new AbortController().signal,
  })
  const closeFiles = async () => {
    for (const part of [found.feeds, found.journal, found.chain]) await part.close()
  }
  return {
    core,
    faults,
    problems,
    journal: found.journal,
    /** Without a last snapshot, as a kill does. */
    leave: closeFiles,
    close: async () => {
      await core.close()
      await closeFiles()
    },
  }
}

const place = (workflow: string) => ({ account, workflow })
const plugin = { name: 'echo', version: '1', digest: 'd' }
const activated = (): DaemonEvent => ({ kind: 'plugin-activated', at: Date.now(), plugin })

test('answers do not wait for a snapshot; one is written at a time, and the last is of the last event', async (t) => {
  const dir = await temporaryDirectory(t)
  const written: number[] = []
  const gate = Promise.withResolvers<void>()
  let inside = 0
  const { core, problems, journal, close } = await open(dir, (real) => ({
    ...real,
    writeSnapshot: async (seq, data) => {
      inside += 1
      assert.equal(inside, 1)
      await gate.promise
      const size = await real.writeSnapshot(seq, data)
      written.push(seq)
      inside -= 1
      return size
    },
  }))
  for (let count = 0; count < 20; count += 1) await core.commit([activated()])
  assert.deepEqual(written, [], 'twenty answers came while the first snapshot was being written')
  gate.resolve()
  await until(() => written.length === 1)
  await core.commit([activated()])
  const last = journal.lastSeq()
  await close()
  assert.deepEqual(problems, [])
  assert.equal(written.at(-1), last)
})

const accepted = (id: string): Accepted => ({
  ...{ id, uid, via: 'cli', person: null, session: null, groups: [], elevation: null, reason: null },
  ask: { action: 'hold', account, workflow: 'broken', args: {} },
  notAfter: Date.now() + 60_000,
})

test('an event that breaks the engine stops its workflow alone, and a replay ends where that did', async (t) => {
  const dir = await temporaryDirectory(t)
  const at = 1000
  const first = await open(dir)
  const play = (workflow: string): DaemonEvent => ({
    ...{ kind: 'engine', at, ...place(workflow) },
    event: { kind: 'play', at },
  })
  for (const workflow of ['broken', 'clouds'])
    await first.core.commit([{ kind: 'definition', at, ...place(workflow), text }, play(workflow)])
  const request = accepted('0199f6a0-0000-7000-8000-000000000001')
  await first.core.commit([
    { kind: 'accepted', at, request },
    // As a fault of the engine would be: something that it cannot digest.
    { kind: 'engine', at, ...place('broken'), event: { kind: 'nonsense', at } as never },
    { kind: 'done', at, uid, id: request.id, outcome: { state: 'done', code: null, reason: null } },
  ])
  assert.deepEqual(first.faults, ['engine'])
  const check = ({ state }: typeof first.core) => {
    const broken = findWorkflow(state, account, 'broken')
    assert.match(broken?.problem ?? '', /stands still/)
    const answer = known(state.requests, uid, request.id)
    assert.ok(answer?.waiting === false)
    assert.deepEqual([answer.answer.state, answer.answer.code], ['failed', 'internal'])
    assert.ok(findWorkflow(state, account, 'clouds')?.engine !== undefined)
    return broken
  }
  assert.equal(check(first.core)?.engine, undefined)
  await first.core.commit([
    { kind: 'engine', at, ...place('clouds'), event: { kind: 'hold', at } },
    { kind: 'engine', at, ...place('broken'), event: { kind: 'hold', at } },
  ])
  assert.deepEqual(first.faults, ['engine'], 'what stands still breaks nothing again')

  await first.leave()
  const second = await open(dir)
  check(second.core)
  assert.equal(second.core.state.audited, first.core.state.audited)
  await second.core.commit([{ kind: 'definition', at, ...place('broken'), text }])
  const mended = findWorkflow(second.core.state, account, 'broken')
  assert.deepEqual([mended?.problem, mended?.engine?.stage], [null, 'running'], 'a reload lets it go on')
  await second.close()
})

test('who is told of effects and has a fault of his own holds up nobody', async (t) => {
  const { core, problems, close } = await open(await temporaryDirectory(t), undefined, () => {
    throw new Error('a fault')
  })
  await core.commit([
    { kind: 'definition', at: 1000, ...place('clouds'), text },
    { kind: 'engine', at: 1000, ...place('clouds'), event: { kind: 'play', at: 1000 } },
  ])
  await core.commit([activated()])
  await close()
  assert.deepEqual(problems, ['effects'])
})

test('JSON that is made in turns is what JSON.stringify gives', async () => {
  const rows = Array.from({ length: 3000 }, (_, index) => ({
    id: `ü"${index}`,
    none: undefined,
    nothing: null,
    list: index % 500 === 0 ? Array.from({ length: 300 }, (_value, n) => [n, undefined]) : [],
  }))
  const value = {
    v: 1,
    skipped: undefined,
    data: { rows, empty: [], deep: { a: { b: 'x'.repeat(300_000) } } },
  }
  const pieces = await Array.fromAsync(jsonInTurns(value))
  assert.equal(Buffer.concat(pieces).toString(), JSON.stringify(value))
  let turns = 0
  const count = setInterval(() => {
    turns += 1
  })
  await Array.fromAsync(jsonInTurns({ data: Array.from({ length: 30 }, () => 'y'.repeat(200_000)) }))
  clearInterval(count)
  assert.ok(turns > 0, 'others had their turn')
})
