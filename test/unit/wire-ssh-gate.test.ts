import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSshGate } from '../../wire/ssh-gate.ts'

const never = new AbortController().signal

test('eight callers shake hands with a host at once, the ninth waits for one of them', async () => {
  const gate = createSshGate({ now: () => 0, random: () => 0 })
  const leave: (() => void)[] = []
  let inside = 0
  let most = 0
  const work = () =>
    gate.handshake('a:22', never, async () => {
      inside += 1
      most = Math.max(most, inside)
      await new Promise<void>((resolve) => leave.push(resolve))
      inside -= 1
    })
  const all = Array.from({ length: 20 }, work)
  const elsewhere = gate.handshake('b:22', never, async () => 'at once')
  assert.equal(await elsewhere, 'at once')
  assert.equal(inside, 8)
  while (leave.length > 0) {
    leave.shift()?.()
    await new Promise(setImmediate)
  }
  await Promise.all(all)
  assert.equal(most, 8)
})

test('a caller who gives up in the queue leaves its place to the next', async () => {
  const gate = createSshGate({ now: () => 0, random: () => 0, handshakesPerHost: 1 })
  const first = Promise.withResolvers<void>()
  const holding = gate.handshake('a:22', never, () => first.promise)
  const impatient = new AbortController()
  const second = gate.handshake('a:22', impatient.signal, async () => 'second')
  const third = gate.handshake('a:22', never, async () => 'third')
  impatient.abort(new Error('gone'))
  await assert.rejects(second, /gone/)
  first.resolve()
  await holding
  assert.equal(await third, 'third')
})

test('a handshake that fails gives its place back', async () => {
  const gate = createSshGate({ now: () => 0, random: () => 0, handshakesPerHost: 1 })
  await assert.rejects(
    gate.handshake('a:22', never, () => Promise.reject(new Error('no'))),
    /no/,
  )
  assert.equal(await gate.handshake('a:22', never, async () => 'next'), 'next')
})

test('an account refused twice in a row rests ten minutes, others do not', () => {
  let now = 1_000_000
  const gate = createSshGate({ now: () => now, random: () => 0 })
  gate.refused('clouds@a:22')
  gate.mayTry('clouds@a:22')
  gate.refused('clouds@a:22')
  assert.throws(() => gate.mayTry('clouds@a:22'), { code: 'ssh.auth-failed' })
  gate.mayTry('oceans@a:22')
  now += 10 * 60_000 - 1
  assert.throws(() => gate.mayTry('clouds@a:22'), { code: 'ssh.auth-failed' })
  now += 1
  gate.mayTry('clouds@a:22')
})

test('an accepted key forgets an earlier refusal', () => {
  const gate = createSshGate({ now: () => 0, random: () => 0 })
  gate.refused('clouds@a:22')
  gate.accepted('clouds@a:22')
  gate.refused('clouds@a:22')
  gate.mayTry('clouds@a:22')
})
