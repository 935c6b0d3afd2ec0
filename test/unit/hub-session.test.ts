/** Sessions, attempts, persons, groups and the clock, each by itself on a real database. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { createAddressOf } from '../../hub/address.ts'
import { createAttempts } from '../../hub/auth/attempts.ts'
import { groupsFrom } from '../../hub/auth/claims.ts'
import { readCookie } from '../../hub/auth/cookies.ts'
import { createPersons } from '../../hub/auth/persons.ts'
import { createSeal } from '../../hub/auth/seal.ts'
import { createSessions, type NewSession } from '../../hub/auth/sessions.ts'
import { createClock } from '../../hub/clock.ts'
import { createGroups } from '../../hub/groups.ts'
import { createLog } from '../../hub/log.ts'
import { openStore } from '../../hub/store/open.ts'
import { unixGroupsById } from '../../hub/unix-groups.ts'

const seal = createSeal(randomBytes(32))

const log = createLog({ logLevel: 'silent', name: 'test' })
const somebody: NewSession = {
  person: 'mel',
  displayName: 'Mel',
  issuer: 'https://idp.test',
  subject: 's1',
  groups: ['oidc/staff'],
  expiresAt: 1_000_000,
  idToken: null,
  tokens: {},
  providerSid: 'sid-1',
}

const room = async (t: TestContext) => {
  const store = await openStore(':memory:')
  t.after(() => store.close())
  const time = { now: 1000 }
  return { db: store.db, time, now: () => time.now }
}

test('a session is found by its cookie alone, until its time is over', async (t) => {
  const { db, time, now } = await room(t)
  const sessions = createSessions({ db, seal, now })
  const { cookie, session } = await sessions.create(somebody)
  assert.match(cookie, /^[\w-]{43}$/)
  assert.equal((await sessions.find(cookie))?.person, 'mel')
  for (const other of ['', 'x', `${cookie}x`, session.name, cookie.toUpperCase()])
    assert.equal(await sessions.find(other), undefined)
  time.now = somebody.expiresAt
  assert.equal(await sessions.find(cookie), undefined)
  assert.equal((await sessions.endExpired()).length, 1)
  assert.equal(await sessions.byName(session.name), undefined)
})

test('a logout that another hub on the same database did is felt within a second', async (t) => {
  const { db, time, now } = await room(t)
  const [here, there] = [createSessions({ db, seal, now }), createSessions({ db, seal, now })]
  const { cookie, session } = await here.create(somebody)
  assert.ok(await here.find(cookie))
  await there.end({ name: session.name })
  time.now += 1000
  assert.equal(await here.find(cookie), undefined)
})

test('raising twice at once leaves one valid cookie, and no other', async (t) => {
  const { db, now } = await room(t)
  const sessions = createSessions({ db, seal, now })
  const { session } = await sessions.create(somebody)
  const raise = {
    class: 'execute',
    until: 9000,
    reason: null,
    groups: [],
    providerSid: null,
    idToken: 'x',
    tokens: {},
  } as const
  const cookies = await Promise.all([
    sessions.raise(session.name, raise),
    sessions.raise(session.name, raise),
  ])
  const found = await Promise.all(cookies.map((cookie) => sessions.find(cookie ?? '')))
  assert.equal(found.filter((one) => one !== undefined).length, 1)
})

test('ending by provider session or by subject takes those and no others', async (t) => {
  const { db, now } = await room(t)
  const sessions = createSessions({ db, seal, now })
  const one = await sessions.create(somebody)
  const two = await sessions.create({ ...somebody, providerSid: 'sid-2' })
  const other = await sessions.create({ ...somebody, issuer: 'https://other.test' })
  const ended = await sessions.end({ issuer: somebody.issuer, sid: 'sid-1' })
  assert.deepEqual(
    ended.map(({ name }) => name),
    [one.session.name],
  )
  await sessions.end({ issuer: somebody.issuer, subject: 's1' })
  assert.equal(await sessions.find(two.cookie), undefined)
  assert.ok(await sessions.find(other.cookie))
})

test('who was there is written later, all at once', async (t) => {
  const { db, time, now } = await room(t)
  const sessions = createSessions({ db, seal, now })
  const { cookie, session } = await sessions.create(somebody)
  const seen = () =>
    db.selectFrom('sessions').select('last_seen_at').where('name', '=', session.name).executeTakeFirst()
  time.now = 5000
  await sessions.find(cookie)
  assert.equal((await seen())?.last_seen_at, 1000)
  await sessions.flushSeen()
  assert.equal((await seen())?.last_seen_at, 5000)
})

test('a state is good once and for ten minutes', async (t) => {
  const { db, time, now } = await room(t)
  const attempts = createAttempts({ db, now })
  const attempt = {
    kind: 'sign-in',
    bound_to: 'b',
    class: null,
    reason: null,
    duration: null,
    return_path: '/',
  } as const
  const { state } = await attempts.start(attempt)
  const [first, second] = await Promise.all([attempts.take(state), attempts.take(state)])
  assert.equal([first, second].filter((one) => one !== undefined).length, 1)
  const late = await attempts.start(attempt)
  time.now += 10 * 60_000
  assert.equal(await attempts.take(late.state), undefined)
})

test('two subjects that claim one name at once become one person', async (t) => {
  const { db, now } = await room(t)
  const persons = createPersons({ db, now })
  const both = await Promise.allSettled([persons.bind('i', 's1', 'mel'), persons.bind('i', 's2', 'mel')])
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
})

test('time never runs backwards, goes on while the wall clock is behind, and says so once', () => {
  const time = { wall: 10_000, monotonic: 0 }
  const steps: number[] = []
  const clock = createClock({
    wall: () => time.wall,
    monotonic: () => time.monotonic,
    mark: 0,
    onStepBack: (by) => void steps.push(by),
  })
  assert.equal(clock.now(), 10_000)
  time.wall -= 1500
  assert.equal(clock.now(), 10_000)
  assert.deepEqual(steps, [], 'so little nobody need notice')
  time.wall -= 60_000
  time.monotonic += 5000
  assert.equal(clock.now(), 15_000)
  clock.check()
  assert.equal(steps.length, 1)
  time.wall = 100_000
  assert.equal(clock.now(), 100_000)
})

test('a hub that starts before its stored time goes on from there', () => {
  const steps: number[] = []
  const clock = createClock({
    wall: () => 1000,
    monotonic: () => 0,
    mark: 50_000,
    onStepBack: (by) => void steps.push(by),
  })
  assert.equal(clock.now(), 50_000)
  assert.deepEqual(steps, [49_000])
})

test('Unix groups come from the host, and are asked for once a minute', async () => {
  const [own = ''] = await unixGroupsById('root')
  assert.equal(own, 'root')
  assert.deepEqual(await unixGroupsById('no-such-person-here'), [])
  assert.deepEqual(await unixGroupsById('--version'), [], 'a name is never an option')

  const time = { now: 0 }
  let asked = 0
  let answer: readonly string[] = ['staff', 'has:colon']
  const groups = createGroups({
    sources: [
      {
        name: 'unix',
        ask: async () => {
          asked += 1
          return answer
        },
      },
    ],
    now: () => time.now,
    log,
  })
  assert.deepEqual(await groups.of('mel', ['oidc/a']), ['oidc/a', 'unix/staff'])
  await groups.of('mel', [])
  assert.equal(asked, 1)
  answer = ['other']
  time.now = 60_000
  assert.deepEqual(await groups.of('mel', []), ['unix/other'])
})

test('groups of the provider keep to names that a rule can name', () => {
  assert.deepEqual(groupsFrom(['a', 'a', 'b c', 'x/y', '', '!d', 7, 'e\n']), ['oidc/a', 'oidc/b c'])
  assert.deepEqual(groupsFrom('staff'), ['oidc/staff'])
  assert.deepEqual(groupsFrom({ a: 1 }), [])
  assert.equal(groupsFrom(Array.from({ length: 999 }, (_, index) => `g${index}`)).length, 999)
  assert.throws(() => groupsFrom(Array.from({ length: 20_000 }, (_, index) => `g${index}`)), {
    code: 'groups.too-many',
  })
})

test('a cookie is read only where it comes once', () => {
  assert.deepEqual(readCookie('a=1; b=2', 'b'), { is: 'given', value: '2' })
  assert.deepEqual(readCookie('b=1; b=1', 'b'), { is: 'ambiguous' })
  assert.deepEqual(readCookie('ab=1', 'b'), { is: 'absent' })
  assert.deepEqual(readCookie(undefined, 'b'), { is: 'absent' })
})

test('an address is what trusted proxies say, from the nearest outwards', () => {
  const request = (remote: string, forwarded?: string) =>
    ({ socket: { remoteAddress: remote }, headers: { 'x-forwarded-for': forwarded } }) as never
  const nobody = createAddressOf([])
  assert.equal(nobody(request('::ffff:10.0.0.1', '1.2.3.4')), '10.0.0.1', 'nobody is believed by default')
  const some = createAddressOf(['10.0.0.0/8', '::1'])
  assert.equal(some(request('10.0.0.1', '1.2.3.4')), '1.2.3.4')
  assert.equal(some(request('10.0.0.1', '6.6.6.6, 1.2.3.4, 10.0.0.9')), '1.2.3.4')
  assert.equal(some(request('::1', 'nonsense')), '::1')
  assert.equal(some(request('9.9.9.9', '1.2.3.4')), '9.9.9.9')
})
