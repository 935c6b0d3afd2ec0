/** Whose answers the daemon remembers. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { Accepted } from '../../daemon/events.ts'
import { createRequests, known, publicName, remember } from '../../daemon/requests.ts'

const request = (uid: number, more: Partial<Accepted> = {}): Accepted => ({
  id: randomUUID(),
  uid,
  via: 'cli',
  ask: { action: 'submit', account: 'atmosphere_stage', args: {} },
  person: null,
  groups: [],
  session: null,
  elevation: null,
  reason: null,
  notAfter: 0,
  ...more,
})
const outcome = { state: 'done', code: null, reason: null } as const
const answered = (requests: ReturnType<typeof createRequests>, one: Accepted, at: number): void => {
  requests.names.set(one.id, one.uid)
  remember(requests, one, { ...outcome, id: one.id, uid: one.uid, at })
}

test('whoever asks much makes the daemon forget nobody else’s answers', () => {
  const requests = createRequests()
  const mine = request(1001)
  const granted = request(1001, { via: 'web', person: 'jacintar' })
  answered(requests, mine, 1)
  answered(requests, granted, 1)
  const firsts = [request(2002), request(3003, { stranger: true })]
  for (const first of firsts) {
    answered(requests, first, 2)
    for (let n = 0; n < 20_100; n += 1)
      answered(requests, request(first.uid, { ...first, id: randomUUID() }), 3)
  }
  assert.equal(known(requests, mine.uid, mine.id)?.waiting, false)
  assert.equal(known(requests, granted.uid, granted.id)?.waiting, false)
  for (const first of firsts) {
    assert.equal(known(requests, first.uid, first.id), undefined)
    assert.equal(requests.names.has(first.id), false, 'its name is free')
  }
  assert.equal(requests.own.get(2002)?.size, 20_000)
  assert.equal(requests.own.get(3003)?.size, 1000)
  assert.equal(requests.names.size, 21_001)
  assert.equal(publicName(requests, granted), granted.id, 'the name is still its own')
  assert.equal(publicName(requests, { ...granted, uid: 2002 }), `${granted.id}-2002`)
})

test('a granted request is remembered for as long as its grant could be used again', () => {
  const requests = createRequests()
  const first = request(1001, { via: 'web', person: 'jacintar' })
  answered(requests, first, 0)
  for (let n = 0; n < 60_000; n += 1)
    answered(requests, request(1001, { via: 'web', person: 'jacintar' }), 300_000)
  assert.equal(known(requests, first.uid, first.id)?.waiting, false)
  answered(requests, request(1001, { via: 'web', person: 'jacintar' }), 86_400_000)
  assert.equal(known(requests, first.uid, first.id), undefined)
})
