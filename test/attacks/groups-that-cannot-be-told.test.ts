/** Row 31: a denial of a group is passed by whoever makes the host's name service slow. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGroups } from '../../hub/groups.ts'
import { createLog } from '../../hub/log.ts'
import { SeneschalError } from '../../protocol/errors.ts'

const log = createLog({ logLevel: 'silent', name: 'test' })
const unavailable = (thrown: unknown) =>
  thrown instanceof SeneschalError && thrown.code === 'groups.unavailable' && thrown.status === 503

const startHost = () => {
  const host = {
    time: 0,
    asked: 0,
    answer: async (): Promise<readonly string[]> => ['contractors'],
  }
  const groups = createGroups({
    sources: [
      {
        name: 'unix',
        ask: () => {
          host.asked += 1
          return host.answer()
        },
      },
    ],
    now: () => host.time,
    log,
  })
  return { host, groups }
}
const fails = () => Promise.reject(new Error('the name service does not answer'))

test('whose groups were never told is let in nowhere', async () => {
  const { host, groups } = startHost()
  host.answer = fails
  await assert.rejects(groups.of('jacintar', ['oidc/staff']), unavailable)
})

test('while nothing newer is told the last groups hold, for five minutes', async () => {
  const { host, groups } = startHost()
  const told = ['oidc/staff', 'unix/contractors']
  assert.deepEqual(await groups.of('jacintar', ['oidc/staff']), told)
  host.answer = fails
  for (const minute of [1, 2, 3, 4.9]) {
    host.time = minute * 60_000
    assert.deepEqual(await groups.of('jacintar', ['oidc/staff']), told, `after ${minute} min`)
  }
  host.time = 5 * 60_000
  await assert.rejects(groups.of('jacintar', ['oidc/staff']), unavailable)
  host.answer = async () => []
  host.time += 2000
  assert.deepEqual(await groups.of('jacintar', ['oidc/staff']), ['oidc/staff'], 'told again')
})

test('a change is felt within a minute', async () => {
  const { host, groups } = startHost()
  await groups.of('jacintar', [])
  host.answer = async () => ['operators']
  host.time = 60_000
  assert.deepEqual(await groups.of('jacintar', []), ['unix/operators'])
})

test('a host that does not answer is asked once, not once per request', async () => {
  const { host, groups } = startHost()
  const { promise, reject } = Promise.withResolvers<readonly string[]>()
  host.answer = () => promise
  const waiting = Array.from({ length: 50 }, () => groups.of('jacintar', []))
  reject(new Error('too slow'))
  for (const { status } of await Promise.allSettled(waiting)) assert.equal(status, 'rejected')
  await assert.rejects(groups.of('jacintar', []), unavailable)
  assert.equal(host.asked, 1)
  host.time = 2000
  await assert.rejects(groups.of('jacintar', []), unavailable)
  assert.equal(host.asked, 2, 'and asked again after a while')
})
