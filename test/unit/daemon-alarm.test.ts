import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAlarm } from '../../daemon/alarm.ts'
import { apply, createDaemonState, findWorkflow } from '../../daemon/state.ts'
import { wakeOf } from '../../daemon/workflow.ts'

const place = { account: 'atmosphere_stage', workflow: 'clouds' }
const around = { hostOf: () => null }
const hour = 3_600_000

test('a workflow that waits for a time is woken within a minute of it, also when the clock was set forward', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const state = createDaemonState()
  const text =
    'schedule: { initial: 1, final: 1, recurrence: P1 }\ngraph: climb\ntasks: { climb: { script: "false", retries: { count: 1, delay: PT1H } } }\n'
  apply(state, { kind: 'definition', at: 0, ...place, text }, around)
  apply(state, { kind: 'engine', at: 0, ...place, event: { kind: 'play', at: 0 } }, around)
  for (const event of ['submitted', 'started', 'failed'] as const)
    apply(
      state,
      {
        ...{ kind: 'engine', at: 0, ...place },
        event: { kind: 'job', at: 0, cycle: '1', task: 'climb', submit: 1, event },
      },
      around,
    )
  const flow = findWorkflow(state, place.account, place.workflow)
  assert.ok(flow !== undefined)
  assert.equal(wakeOf(flow), hour)

  let now = 0
  const rung: number[] = []
  const alarm = createAlarm(
    () => now,
    () => rung.push(now),
  )
  alarm.set(flow)
  await Promise.resolve()
  t.mock.timers.tick(60_000)
  await Promise.resolve()
  assert.deepEqual(rung, [], 'too early')
  now = hour + 1
  t.mock.timers.tick(60_000)
  assert.deepEqual(rung, [hour + 1])
  alarm.close()
})
