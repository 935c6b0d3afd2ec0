/** The state as a function of events: what is stored and restored goes on as if nothing had been. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Accepted, DaemonEvent } from '../../daemon/events.ts'
import { createRequests, known, remember } from '../../daemon/requests.ts'
import {
  apply,
  type Consequences,
  createDaemonState,
  type DaemonState,
  findWorkflow,
} from '../../daemon/state.ts'
import { restoreState, storeState } from '../../daemon/state-store.ts'
import { allRows, summaryOf, type Workflow } from '../../daemon/workflow.ts'
import type { Effect, JobEventKind } from '../../engine/types.ts'
import type { InstanceRow, JobRow } from '../../protocol/rows.ts'

const place = { account: 'atmosphere_stage', workflow: 'clouds' }
const around = { hostOf: () => 'login1' }
const text = `
schedule: { initial: 1, final: 8, recurrence: P1, runahead: 2 }
graph: |
  fetch => climb? => post
  climb:fail? => recover
tasks:
  fetch: { script: 'true' }
  climb: { script: 'true' }
  post: { script: 'true', retries: { count: 1, delay: PT1S } }
  recover: { script: 'true' }
`

type Run = { readonly state: DaemonState; readonly effects: Effect[]; at: number }

const begin = (): Run => {
  const run: Run = { state: createDaemonState(), effects: [], at: 1000 }
  feed(run, { kind: 'genesis', at: 0, audit: 0 })
  feed(run, { kind: 'definition', at: run.at, ...place, text })
  feed(run, { kind: 'engine', at: run.at, ...place, event: { kind: 'play', at: run.at } })
  return run
}

const feed = (run: Run, event: DaemonEvent): Consequences => {
  const consequences = apply(run.state, event, around)
  run.effects.push(...consequences.effects.map(({ effect }) => effect))
  return consequences
}

const job = (run: Run, effect: Effect, event: JobEventKind, exit?: number): Consequences => {
  run.at += 10
  const { cycle, task, submit } = effect
  return feed(run, {
    kind: 'engine',
    at: run.at,
    ...place,
    event: { kind: 'job', at: run.at, cycle, task, submit, event, ...(exit === undefined ? {} : { exit }) },
  })
}

/** Runs `count` jobs to their end; `climb` fails in even cycles, the first try of `post` always. */
const work = (run: Run, count: number): void => {
  for (let done = 0; done < count; done += 1) {
    const effect = run.effects.shift()
    if (effect === undefined) {
      run.at += 1000
      feed(run, { kind: 'engine', at: run.at, ...place, event: { kind: 'tick', at: run.at } })
      continue
    }
    if (effect.kind === 'kill') continue
    job(run, effect, 'submitted')
    job(run, effect, 'started')
    const fails =
      (effect.task === 'climb' && Number(effect.cycle) % 2 === 0) ||
      (effect.task === 'post' && effect.submit === 1)
    job(run, effect, fails ? 'failed' : 'succeeded', fails ? 1 : 0)
  }
}

const flowOf = (run: Run): Workflow => {
  const flow = findWorkflow(run.state, place.account, place.workflow)
  assert.ok(flow !== undefined)
  return flow
}

const sorted = (flow: Workflow) =>
  allRows(flow)
    .map((put) => JSON.stringify(put))
    .sort()

test('a state stored at any moment and restored goes on with the same rows and effects', () => {
  for (const moment of [0, 1, 3, 7, 12, 20]) {
    const plain = begin()
    work(plain, moment)
    const stored: unknown = JSON.parse(JSON.stringify(storeState(plain.state, {})))
    const restored: Run = { state: restoreState(stored).state, effects: [...plain.effects], at: plain.at }
    work(plain, 15)
    work(restored, 15)
    assert.deepEqual(sorted(flowOf(restored)), sorted(flowOf(plain)), `stored after ${moment} jobs`)
    assert.deepEqual(restored.effects, plain.effects)
    assert.deepEqual(summaryOf(flowOf(restored)), summaryOf(flowOf(plain)))
  }
})

test('rows put and dropped on the way add up to the rows of a snapshot', () => {
  const run = begin()
  const rows = new Map<string, string>()
  const follow = (consequences: Consequences) => {
    for (const { kind, key, row } of consequences.put) rows.set(`${kind} ${key}`, JSON.stringify(row))
    for (const { kind, key } of consequences.drop) {
      rows.delete(`${kind} ${key}`)
      // A follower forgets jobs with their instance.
      for (const known of rows.keys()) if (known.startsWith(`job ${key}/`)) rows.delete(known)
    }
  }
  for (const put of allRows(flowOf(run))) rows.set(`${put.kind} ${put.key}`, JSON.stringify(put.row))
  for (let turn = 0; turn < 40; turn += 1) {
    const effect = run.effects.shift()
    if (effect === undefined) break
    for (const event of ['submitted', 'started', 'succeeded'] as const) follow(job(run, effect, event))
  }
  const all = allRows(flowOf(run)).map(
    ({ kind, key, row }) => [`${kind} ${key}`, JSON.stringify(row)] as const,
  )
  assert.deepEqual([...rows].sort(), all.sort())
})

test('finished instances of the three cycles that went quiet last stay to be looked at', () => {
  const run = begin()
  work(run, 200)
  const flow = flowOf(run)
  assert.equal(summaryOf(flow).state, 'finished')
  const cycles = new Set(
    allRows(flow)
      .filter(({ kind }) => kind === 'instance')
      .map(({ row }) => (row as InstanceRow).cycle),
  )
  // The fifth waited for a retry while the sixth went through.
  assert.deepEqual([...cycles].sort(), ['5', '7', '8'])
})

test('a job is killed, lost or failed by who knows what of its end', () => {
  const run = begin()
  const ends: string[] = []
  for (const [exit, kill] of [
    [1, false],
    [undefined, false],
    [143, true],
  ] as const) {
    const effect = run.effects.find(({ task }) => task === 'fetch')
    assert.ok(effect !== undefined)
    run.effects.splice(run.effects.indexOf(effect), 1)
    job(run, effect, 'started')
    if (kill)
      feed(run, {
        kind: 'engine',
        at: run.at,
        ...place,
        event: { kind: 'kill', at: run.at, cycle: effect.cycle, task: effect.task },
      })
    const row = job(run, effect, 'failed', exit).put.find((put) => put.kind === 'job')?.row as JobRow
    ends.push(row.state)
    feed(run, {
      kind: 'engine',
      at: run.at,
      ...place,
      event: { kind: 'task-start', at: run.at, cycle: effect.cycle, task: effect.task },
    })
  }
  assert.deepEqual(ends, ['failed', 'lost', 'killed'])
})

const accepted = (id: string, via: Accepted['via']): Accepted => ({
  id,
  uid: 1,
  via,
  ask: { action: 'hold', account: 'atmosphere_stage', args: {} },
  person: via === 'web' ? 'jacintar' : null,
  groups: [],
  session: null,
  elevation: null,
  reason: null,
  notAfter: 0,
})

const numbered = (kind: 'own' | 'web', index: number): string =>
  `${kind === 'own' ? '00000000' : '11111111'}-0000-4000-8000-${String(index).padStart(12, '0')}`

test('own requests are forgotten by number, granted ones only when they would be stale anyway', () => {
  const requests = createRequests()
  const answer = (request: Accepted, at: number) =>
    remember(requests, request, { id: request.id, uid: 1, at, state: 'done', code: null })
  for (let index = 0; index < 60_000; index += 1) {
    answer(accepted(numbered('own', index), 'cli'), index)
    answer(accepted(numbered('web', index), 'web'), index)
  }
  assert.equal(known(requests, 1, numbered('own', 0)), undefined)
  assert.ok(known(requests, 1, numbered('own', 59_999)) !== undefined)
  assert.ok(
    known(requests, 1, numbered('web', 0)) !== undefined,
    'a grant that is still alive must be remembered',
  )
  answer(accepted(numbered('web', 60_000), 'web'), 60 * 60_000)
  assert.equal(known(requests, 1, numbered('web', 0)), undefined)
})

test('each audited event is counted once, and only those', () => {
  const run = begin()
  const before = run.state.audited
  const request = accepted('r1', 'web')
  assert.equal(feed(run, { kind: 'accepted', at: 1, request }).audit, undefined)
  const outcome = { state: 'refused', code: 'permission.denied', reason: 'No.' } as const
  const done = feed(run, { kind: 'done', at: 2, uid: 1, id: 'r1', outcome })
  assert.equal(done.audit?.event, 'action.not-done')
  assert.equal(done.audit?.person, 'jacintar')
  assert.equal(run.state.audited, before + 1)
  assert.equal(feed(run, { kind: 'done', at: 3, uid: 1, id: 'r1', outcome }).audit, undefined)
  assert.equal(run.state.audited, before + 1)
})
