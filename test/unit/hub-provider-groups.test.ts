/** Groups that the provider changes while somebody is signed in, asked again with what it gave at the sign-in. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startTestHub, type TestHub } from '../harness/hub.ts'
import { until } from '../harness/until.ts'

const minute = 60_000
const begin = async (t: TestContext, options: Parameters<typeof startTestHub>[1] = {}) => {
  const hub = await startTestHub(t, options)
  const jacintar = await hub.signIn('jacintar')
  return { hub, jacintar, groups: async () => (await hub.session(jacintar)).groups }
}
const inGroups = (hub: TestHub, groups: readonly string[]) => {
  hub.provider.lies.userinfo = (claims) => ({ ...claims, groups })
}
test('a group that is taken away at the provider is gone within five minutes', async (t) => {
  const { hub, groups } = await begin(t)
  assert.deepEqual(await groups(), ['oidc/forecasters', 'oidc/staff'])
  inGroups(hub, ['staff'])
  hub.shift(2 * minute)
  await groups()
  assert.equal(hub.provider.asked.get('/token'), 1, 'the provider is not asked at each request')
  hub.shift(3 * minute)
  assert.deepEqual(await groups(), ['oidc/staff'])
})

test('from the middle of that time on it is asked beside a request, which does not wait', async (t) => {
  const { hub, groups } = await begin(t)
  inGroups(hub, ['staff'])
  hub.shift(3 * minute)
  assert.deepEqual(await groups(), ['oidc/forecasters', 'oidc/staff'])
  await until(async () => (await groups()).length === 1)
  assert.equal(hub.provider.asked.get('/token'), 2)
})

test('ten requests at once ask once', async (t) => {
  const { hub, groups } = await begin(t)
  inGroups(hub, ['staff'])
  hub.shift(6 * minute)
  const all = await Promise.all(Array.from({ length: 10 }, groups))
  for (const found of all) assert.deepEqual(found, ['oidc/staff'])
  assert.equal(hub.provider.asked.get('/token'), 2)
})

test('whom the provider signed out is signed out here, open sockets too', async (t) => {
  const { hub, jacintar } = await begin(t)
  const socket = await jacintar.socket('/api/wall')
  hub.provider.lies.refused = 'invalid_grant'
  hub.shift(6 * minute)
  const answer = await jacintar.ask('GET', '/api/session')
  assert.equal(answer.status, 401, answer.text)
  assert.equal(await socket.closed, 4002)
  const [record] = await hub.audited('session.ended')
  assert.equal(record?.sentence, 'User jacintar was signed out by the identity provider')
})

test('an outage of the provider changes nobody’s groups and ends nobody’s session', async (t) => {
  let isDown = false
  const { hub, groups } = await begin(t, {
    fetch: (...args) => (isDown ? Promise.reject(new TypeError('fetch failed')) : fetch(...args)),
  })
  isDown = true
  inGroups(hub, [])
  hub.shift(60 * minute)
  assert.deepEqual(await groups(), ['oidc/forecasters', 'oidc/staff'])
  isDown = false
  assert.deepEqual(await groups(), ['oidc/forecasters', 'oidc/staff'], 'it is left alone for a while')
  hub.shift(11_000)
  // Nobody waits for one that was down: the first who comes finds out that it is back.
  await until(async () => (await groups()).length === 0)
})

test('when everybody’s groups are due at once, the provider is asked by a few at a time, and everybody is told', async (t) => {
  let [atOnce, most] = [0, 0]
  let held: Promise<void> | undefined
  const hub = await startTestHub(t, {
    fetch: async (input, init) => {
      if (!String(input).endsWith('/token')) return fetch(input, init)
      atOnce += 1
      most = Math.max(most, atOnce)
      await held
      return fetch(input, init).finally(() => {
        atOnce -= 1
      })
    },
  })
  const people = await Promise.all(Array.from({ length: 40 }, () => hub.signIn('jacintar', hub.visitor())))
  inGroups(hub, ['staff'])
  hub.shift(6 * minute)
  most = 0
  const { promise, resolve } = Promise.withResolvers<void>()
  held = promise
  const asked = Promise.all(people.map((one) => hub.session(one)))
  await until(() => atOnce === 16)
  // Time for more to come, if any would.
  setTimeout(resolve, 200)
  for (const { groups } of await asked) assert.deepEqual(groups, ['oidc/staff'])
  assert.equal(most, 16)
})

test('a provider that answers for somebody else changes nothing', async (t) => {
  const { hub, groups } = await begin(t)
  hub.provider.lies.userinfo = (claims) => ({ ...claims, sub: 'admin', groups: ['site-admins'] })
  hub.shift(6 * minute)
  assert.deepEqual(await groups(), ['oidc/forecasters', 'oidc/staff'])
  hub.provider.lies.userinfo = undefined
  hub.provider.lies.idToken = (claims) => ({ ...claims, sub: 'admin', groups: ['site-admins'] })
  hub.shift(6 * minute)
  assert.deepEqual(await groups(), ['oidc/forecasters', 'oidc/staff'])
})

test('without a refresh token, userinfo is asked as long as it answers', async (t) => {
  const hub = await startTestHub(t)
  hub.provider.lies.refresh = false
  const mel = await hub.signIn('mel')
  inGroups(hub, ['staff'])
  hub.shift(6 * minute)
  assert.deepEqual((await hub.session(mel)).groups, ['oidc/staff'])
  hub.provider.lies.refused = 'invalid_token'
  inGroups(hub, [])
  hub.shift(6 * minute)
  assert.deepEqual((await hub.session(mel)).groups, ['oidc/staff'], 'what cannot be asked any more stays')
})

test('what the provider is asked with is in no file in the clear, and in no log', async (t) => {
  const { hub } = await begin(t)
  await hub.hub.close()
  const issued = hub.provider.issued
  assert.ok(issued.length >= 2, 'an access token and a refresh token at least')
  for (const name of readdirSync(join(hub.dir, 'hub')).filter((entry) => entry.startsWith('hub.sqlite'))) {
    const bytes = readFileSync(join(hub.dir, 'hub', name), 'latin1')
    for (const token of issued) assert.ok(!bytes.includes(token), `${name} holds a token`)
  }
  for (const token of issued) assert.ok(!hub.logged().includes(token))
})
