/** Who may start when many want to. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as settled } from 'node:timers/promises'
import { createTurns } from '../../hub/servers/turns.ts'

const never = new AbortController().signal

/** Somebody who waits, with what they were told and whether it is their turn. */
const wants = (turns: ReturnType<typeof createTurns>, person?: string, signal = never) => {
  const told: number[] = []
  const one = { told, leave: undefined as (() => void) | undefined, failed: undefined as unknown }
  turns
    .take(person, (before) => told.push(before), signal)
    .then(
      (leave) => {
        one.leave = leave
      },
      (error: unknown) => {
        one.failed = error
      },
    )
  return one
}

test('whoever comes first is first, and each is told how many come before', async () => {
  const turns = createTurns({ atOnce: 2, perPerson: 2 })
  const all = ['ann', 'ben', 'cleo', 'dan'].map((person) => wants(turns, person))
  await settled()
  assert.deepEqual(
    all.map(({ leave, told }) => [leave !== undefined, told]),
    [
      [true, []],
      [true, []],
      [false, [0]],
      [false, [1]],
    ],
  )
  assert.deepEqual(turns.counts(), { starting: 2, waiting: 2 })
  all[1]?.leave?.()
  all[1]?.leave?.()
  await settled()
  assert.deepEqual(
    all.slice(2).map(({ leave, told }) => [leave !== undefined, told]),
    [
      [true, [0]],
      [false, [1, 0]],
    ],
    'a place that is given back twice is one place',
  )
  all[0]?.leave?.()
  all[2]?.leave?.()
  await settled()
  assert.ok(all[3]?.leave !== undefined)
  all[3].leave()
  assert.deepEqual(turns.counts(), { starting: 0, waiting: 0 })
})

test('somebody with many starts waits for their own, and nobody waits for them', async () => {
  const turns = createTurns({ atOnce: 3, perPerson: 1 })
  const [first, second, third] = [wants(turns, 'ann'), wants(turns, 'ann'), wants(turns, 'ann')]
  const other = wants(turns, 'ben')
  const nobody = wants(turns)
  await settled()
  assert.deepEqual(
    [first, second, third, other, nobody].map(({ leave }) => leave !== undefined),
    [true, false, false, true, true],
  )
  first.leave?.()
  await settled()
  assert.deepEqual([second.leave !== undefined, third.leave !== undefined], [true, false])
})

test('who gives up leaves the queue, and those behind move up', async () => {
  const turns = createTurns({ atOnce: 1, perPerson: 1 })
  const first = wants(turns, 'ann')
  const patience = new AbortController()
  const second = wants(turns, 'ben', patience.signal)
  const third = wants(turns, 'cleo')
  await settled()
  patience.abort(new Error('enough'))
  await settled()
  assert.match(String(second.failed), /enough/)
  assert.deepEqual(third.told, [1, 0])
  const late = wants(turns, 'dan', patience.signal)
  await settled()
  assert.match(String(late.failed), /enough/)
  first.leave?.()
  await settled()
  assert.ok(third.leave !== undefined)
})
