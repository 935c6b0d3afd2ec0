/** Not in the table: an account whose agent lies about its host, or is slow on purpose, to move everybody else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type StatsAnswer, statsAnswer } from '../../protocol/agent.ts'
import { createHostChooser, type Measure } from '../../spawners/choose-host.ts'

const never = new AbortController().signal
const hosts = [{ name: 'busy' }, { name: 'free' }]
const GiB = 2 ** 30

const stats = (load: number, cores = 8): StatsAnswer => ({
  load: [load, load, load],
  cores,
  memory: { total: 16 * GiB, available: 8 * GiB },
  sessions: 0,
})
const honest: Measure = async (host, _signal, reached) => {
  reached()
  return stats(host === 'busy' ? 20 : 1)
}
const lying: Measure = async (host, _signal, reached) => {
  reached()
  return host === 'busy' ? stats(0, 1_000_000) : stats(900_000, 1)
}

test('what one account says of a host places nobody but itself', async () => {
  const chooser = createHostChooser({ hosts, now: () => 0 })
  assert.equal(await chooser.choose('liar', lying, never), 'busy')
  for (const account of ['oceans', 'clouds', 'winds', 'ice'])
    assert.equal(await chooser.choose(account, honest, never), 'free')
})

test('a liar who is asked together with others does not outvote them', async () => {
  const chooser = createHostChooser({ hosts, now: () => 0 })
  const measures = [lying, honest, honest, honest, honest]
  const chosen = await Promise.all(
    measures.map((measure, index) => chooser.choose(`account${index}`, measure, never)),
  )
  assert.deepEqual(chosen.slice(1), ['free', 'free', 'free', 'free'])
  assert.equal(await chooser.choose('late', honest, never), 'free')
})

test('an agent that is slow on purpose takes no host from the others', async () => {
  const chooser = createHostChooser({ hosts, now: () => 0, bound: 30 })
  const slow: Measure = (_host, _signal, reached) => {
    reached()
    return new Promise(() => undefined)
  }
  assert.equal(await chooser.choose('slow', slow, never), 'busy', 'it is placed as if nothing were known')
  let asked = 0
  const counted: Measure = (...question) => {
    asked += 1
    return honest(...question)
  }
  assert.equal(await chooser.choose('clouds', counted, never), 'free')
  assert.equal(asked, 2, 'no host counts as down')
})

test('figures that no host has are no answer', () => {
  assert.equal(statsAnswer.safeParse(stats(3)).success, true)
  for (const lie of [
    stats(-1),
    stats(1e9),
    stats(Number.POSITIVE_INFINITY),
    stats(0, 0),
    stats(0, 1e12),
    stats(0, 0.5),
  ])
    assert.equal(statsAnswer.safeParse(lie).success, false, JSON.stringify(lie))
})
