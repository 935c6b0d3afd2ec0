import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { type TestContext, test } from 'node:test'
import { createLog } from '../../hub/log.ts'
import { siteDirectories } from '../../hub/servers/directories.ts'
import { createServers } from '../../hub/servers/servers.ts'
import { openStore } from '../../hub/store/open.ts'
import { createServerStore } from '../../hub/store/servers.ts'
import type { ProgressEvent } from '../../protocol/api.ts'
import type { AuditEntry } from '../../protocol/audit.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { version as productVersion } from '../../protocol/version.ts'
import { inProcessSpawner } from '../harness/in-process-spawner.ts'
import { nobody } from '../harness/serving.ts'
import { until } from '../harness/until.ts'

const account = 'atmosphere_stage'

const parts = async (t: TestContext) => {
  const spawner = await inProcessSpawner(t, () =>
    createServer((_request, response) => response.writeHead(204).end()),
  )
  const { db, close } = await openStore(':memory:')
  t.after(close)
  const store = createServerStore(db)
  const recorded: AuditEntry[] = []
  const record = async (entry: AuditEntry) => {
    recorded.push(entry)
    return { ...entry } as never
  }
  let count = 0
  const hub = (
    over: {
      readonly startTimeoutMs?: number
      readonly pollMs?: number
      readonly pulseMs?: number
      readonly now?: () => number
      readonly starts?: { readonly atOnce: number; readonly perPerson: number }
      readonly audit?: { readonly record: typeof record }
    } = {},
  ) => {
    const servers = createServers({
      spawner: () => spawner,
      store,
      signer: { jwks: () => ({ keys: [] }) },
      issuer: 'https://hub.test',
      audit: { record },
      now: Date.now,
      log: createLog({ logLevel: 'silent', name: 'test' }),
      directories: (name) => siteDirectories('/site', name),
      idleMinutes: 20,
      instanceId: () => String(++count).padStart(32, '0'),
      ...over,
    })
    t.after(() => servers.close())
    return servers
  }
  const events = () => recorded.map(({ event }) => event)
  return { spawner, store, recorded, record, events, hub }
}

test('ten people who open an account share one start, and each sees how it goes', async (t) => {
  const { spawner, events, hub } = await parts(t)
  const servers = hub()
  const early: ProgressEvent[] = []
  const late: ProgressEvent[] = []
  servers.onProgress(account, (event) => early.push(event))
  spawner.launch = async (progress) => {
    await progress({ text: 'Reading the feed.' })
    servers.onProgress(account, (event) => late.push(event))
  }
  await Promise.all(Array.from({ length: 10 }, () => servers.ensure(account, nobody)))
  assert.equal(spawner.starts.length, 1)
  assert.deepEqual(
    early.map(({ state, message }) => `${state}: ${message}`),
    [
      'off: The server is off.',
      'starting: Starting the server.',
      'starting: Starting on here.',
      'starting: Reading the feed.',
      'on: The server is running.',
    ],
  )
  assert.deepEqual(late, early.slice(1), 'who comes late is told of the whole start')
  assert.deepEqual(events(), ['server.intended', 'server.spawned'])
  assert.equal(servers.row(account).host, 'here')
  await servers.ensure(account, nobody)
  assert.equal(spawner.starts.length, 1)
})

test('what is given to a server names its directories, the hub and an instance of its own', async (t) => {
  const { spawner, hub } = await parts(t)
  const servers = hub()
  await servers.ensure(account, nobody)
  assert.deepEqual(spawner.starts[0], {
    version: 1,
    account,
    instance: '1'.padStart(32, '0'),
    site: {
      inbox: '/site/requests/1_inbox',
      temp: '/site/requests/0_temp',
      feed: '/site/feed/atmosphere_stage',
      jobEvents: '/site/requests/job_events/atmosphere_stage',
    },
    hubKeys: { keys: [] },
    issuer: 'https://hub.test',
    idleMinutes: 20,
  })
  assert.equal(servers.audience(account), `${account}/${'1'.padStart(32, '0')}`)
})

test('before anything is launched it is stored, and a returning hub takes it up and dials again', async (t) => {
  const { spawner, store, hub } = await parts(t)
  const first = hub()
  let storedAtLaunch: unknown
  spawner.launch = async () => {
    storedAtLaunch = (await store.all())[0]
  }
  await first.ensure(account, nobody)
  assert.partialDeepStrictEqual(storedAtLaunch, { account, state: 'starting', host: 'here' })
  assert.partialDeepStrictEqual((await store.all())[0], { account, state: 'on', host: 'here' })
  const audience = first.audience(account)
  await first.close()

  const second = hub()
  await second.recover()
  await until(() => second.row(account).state === 'on')
  assert.equal(second.audience(account), audience)
  const stream = await second.dial(account)
  stream.destroy()
  assert.equal(spawner.starts.length, 1)
})

test('a hub killed in the middle of a start leaves no second server', async (t) => {
  const { spawner, store, hub } = await parts(t)
  const dying = hub()
  const held = Promise.withResolvers<void>()
  spawner.launch = () => held.promise
  const started = dying.ensure(account, nobody)
  await until(() => spawner.starts.length === 1)
  while ((await store.all())[0]?.handle == null) await new Promise((resolve) => setTimeout(resolve, 5))

  const returning = hub()
  await returning.recover()
  const again = returning.ensure(account, nobody)
  held.resolve()
  await Promise.all([started, again])
  assert.equal(spawner.running.size, 1)
  assert.equal(returning.audience(account), `${account}/${spawner.running.get(account)?.settings.instance}`)
})

test('a server that ended while the hub was away is off, and is started on request', async (t) => {
  const { spawner, hub } = await parts(t)
  const first = hub()
  await first.ensure(account, nobody)
  await first.close()
  spawner.kill(account)
  const second = hub()
  await second.recover()
  await second.ensure(account, nobody)
  assert.equal(second.row(account).state, 'on')
  assert.equal(spawner.starts.length, 2)
})

test('a page that comes back finds a server that ended while the hub was away started again', async (t) => {
  const { spawner, hub } = await parts(t)
  const first = hub()
  await first.ensure(account, nobody)
  await first.close()
  spawner.kill(account)
  const second = hub()
  await second.recover()
  await until(() => second.row(account).state === 'off')
  second.suspect(account)
  await until(() => second.row(account).state === 'on')
  assert.equal(spawner.starts.length, 2)
})

test('a hub that dies before it could bring a lost server back leaves that to the next one', async (t) => {
  const { spawner, store, hub } = await parts(t)
  const first = hub({ pollMs: 10 })
  await first.ensure(account, nobody)
  const leave = first.watch(account)
  spawner.kill(account)
  await until(() => first.row(account).state === 'off')
  leave()
  await first.close()
  const second = hub()
  await second.recover()
  await until(() => {
    second.suspect(account)
    return second.row(account).state === 'on'
  })
  await second.stop(account, nobody)
  assert.deepEqual(await store.all(), [])
})

test('what ended and nobody looked at is not remembered', async (t) => {
  const { spawner, store, hub } = await parts(t)
  const time = { past: 0 }
  const servers = hub({ pollMs: 10, now: () => Date.now() + time.past })
  await servers.ensure(account, nobody)
  time.past = 60_000
  spawner.kill(account)
  await until(async () => (await store.all()).length === 0)
  assert.equal(servers.row(account).state, 'off')
})

test('pages that go on trying bring back a server whose host was away for long', async (t) => {
  const { spawner, hub } = await parts(t)
  const time = { past: 0 }
  const servers = hub({ now: () => Date.now() + time.past })
  spawner.unreachable = true
  await assert.rejects(servers.ensure(account, nobody), { code: 'host.unreachable' })
  time.past = 3_600_000
  spawner.unreachable = false
  await until(() => {
    servers.suspect(account)
    return servers.row(account).state === 'on'
  })
})

test('pages that go on trying leave alone what somebody stopped', async (t) => {
  const { spawner, hub } = await parts(t)
  const servers = hub()
  await servers.ensure(account, nobody)
  await servers.stop(account, nobody)
  for (let tries = 0; tries < 10; tries += 1) {
    servers.suspect(account)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  assert.equal(servers.row(account).state, 'off')
  assert.equal(spawner.starts.length, 1)
})

test('a question that fails is not a death; an answer that it is gone is', async (t) => {
  const { spawner, events, hub } = await parts(t)
  const servers = hub({ pollMs: 10 })
  await servers.ensure(account, nobody)
  spawner.unreachable = true
  await until(() => servers.row(account).code === 'host.unreachable')
  assert.equal(servers.row(account).state, 'on')
  await assert.rejects(servers.dial(account), { code: 'host.unreachable' })
  spawner.unreachable = false
  await until(() => servers.row(account).code === null)
  assert.equal(servers.row(account).state, 'on')
  spawner.kill(account)
  await until(() => servers.row(account).state === 'off')
  assert.deepEqual(events(), ['server.intended', 'server.spawned', 'server.ended'])
  assert.equal(spawner.starts.length, 1, 'nobody was looking')
  await assert.rejects(servers.dial(account), { code: 'server.off' })
})

test('a server that dies while somebody watches is brought back, after a failed dial at once', async (t) => {
  const { spawner, recorded, hub } = await parts(t)
  const servers = hub({ pollMs: 60_000 })
  await servers.ensure(account, nobody)
  const leave = servers.watch(account)
  spawner.kill(account)
  await assert.rejects(servers.dial(account), { code: 'server.off' })
  await until(() => spawner.starts.length === 2 && servers.row(account).state === 'on')
  assert.equal(recorded.at(-1)?.event, 'server.spawned')
  assert.equal(recorded.at(-1)?.person, undefined)
  leave()
})

test('a server whose tunnel breaks is looked after at once, also when nobody watches', async (t) => {
  const { spawner, hub } = await parts(t)
  const servers = hub({ pollMs: 60_000 })
  await servers.ensure(account, nobody)
  const stream = await servers.dial(account)
  stream.on('error', () => undefined)
  spawner.kill(account)
  await until(() => servers.row(account).state === 'off')
})

test('a server that hangs is ended and told as such', async (t) => {
  const { spawner, hub } = await parts(t)
  const servers = hub({ pollMs: 10 })
  await servers.ensure(account, nobody)
  spawner.hang(account)
  await until(() => servers.row(account).state === 'failed')
  assert.equal(servers.row(account).code, 'server.timeout')
  assert.equal(spawner.running.size, 0)
  await servers.ensure(account, nobody)
  assert.equal(servers.row(account).state, 'on')
})

test('a server that is slow because it is busy is not replaced, unless that goes on for a minute', async (t) => {
  const { spawner, hub } = await parts(t)
  let late = 0
  const servers = hub({ pollMs: 10, now: () => Date.now() + late })
  await servers.ensure(account, nobody)
  const asked = () => spawner.polls.length
  const looksMore = async () => {
    const before = asked()
    await until(() => asked() > before + 3)
  }
  spawner.hang(account, 'busy')
  await looksMore()
  assert.equal(servers.row(account).state, 'on')
  spawner.wake(account)
  await looksMore()
  late = 90_000
  spawner.hang(account, 'busy')
  await looksMore()
  assert.equal(servers.row(account).state, 'on', 'the minute begins anew')
  late = 180_000
  await until(() => servers.row(account).state === 'failed')
  assert.equal(servers.row(account).code, 'server.timeout')
})

test('a start that fails says why to all who wait, and can be tried again at once', async (t) => {
  const { spawner, events, hub } = await parts(t)
  const servers = hub()
  spawner.launch = async () => {
    throw new SeneschalError('spawn.failed', 'Its last lines: no such module')
  }
  const both = await Promise.allSettled([servers.ensure(account, nobody), servers.ensure(account, nobody)])
  for (const each of both) assert.equal(each.status === 'rejected' && each.reason.code, 'spawn.failed')
  assert.partialDeepStrictEqual(servers.row(account), { state: 'failed', code: 'spawn.failed' })
  assert.match(servers.row(account).reason ?? '', /no such module/)
  assert.deepEqual(events(), ['server.intended', 'server.failed'])
  spawner.launch = async () => undefined
  await servers.ensure(account, nobody)
  assert.partialDeepStrictEqual(servers.row(account), { state: 'on', code: null, reason: null })
})

test('a start that takes too long is given up, and nothing of it is left', async (t) => {
  const { spawner, store, hub } = await parts(t)
  const servers = hub({ startTimeoutMs: 50 })
  spawner.hold = () => new Promise((resolve) => setTimeout(resolve, 200))
  await assert.rejects(servers.ensure(account, nobody), { code: 'spawn.timeout' })
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.equal(spawner.running.size, 0)
  assert.deepEqual(await store.all(), [])
})

test('what a failed start may have left on a host that is gone is found again under its name', async (t) => {
  const { spawner, store, hub } = await parts(t)
  const servers = hub()
  spawner.launch = async () => {
    spawner.unreachable = true
    throw new SeneschalError('lost.connection')
  }
  await assert.rejects(servers.ensure(account, nobody), { code: 'lost.connection' })
  spawner.unreachable = false
  spawner.launch = async () => undefined
  assert.equal((await store.all()).length, 1)
  await servers.ensure(account, nobody)
  assert.equal(spawner.starts[1]?.instance, spawner.starts[0]?.instance)
})

test('starts beyond the limit wait in sight for their turn, and leave nothing when they are given up', async (t) => {
  const { spawner, store, events, hub } = await parts(t)
  const servers = hub({ starts: { atOnce: 1, perPerson: 1 } })
  const held = Promise.withResolvers<void>()
  spawner.hold = () => held.promise
  const first = servers.ensure(account, nobody)
  await until(() => spawner.starts.length === 1)
  const waits = ['oceans_stage', 'winds_stage', 'ice_stage'].map((name) => servers.ensure(name, nobody))
  const told: string[] = []
  servers.onProgress('ice_stage', ({ message }) => told.push(message))
  await until(() => told.at(-1) === 'Waiting for its turn: 2 come before.')
  assert.deepEqual(servers.queue(), { starting: 1, waiting: 3 })
  assert.equal(servers.row('ice_stage').state, 'starting')
  assert.deepEqual(events(), ['server.intended'], 'what waits is not begun')
  assert.equal((await store.all()).length, 1)

  const given = assert.rejects(waits[0] ?? Promise.resolve(), { code: 'server.off' })
  await servers.stop('oceans_stage', nobody)
  await given
  assert.equal(servers.row('oceans_stage').state, 'off')
  assert.equal(told.at(-1), 'Waiting for its turn: one comes before.')
  assert.ok(!events().includes('server.failed'))
  held.resolve()
  await Promise.all([first, ...waits.slice(1)])
  assert.deepEqual(
    spawner.starts.map((start) => start.account),
    [account, 'winds_stage', 'ice_stage'],
  )
  assert.deepEqual(servers.queue(), { starting: 0, waiting: 0 })
})

test('stopping while it starts ends the start; stopping twice is stopping once', async (t) => {
  const { spawner, store, hub } = await parts(t)
  const servers = hub()
  const held = Promise.withResolvers<void>()
  spawner.hold = () => held.promise
  const started = servers.ensure(account, nobody)
  await until(() => spawner.starts.length === 1)
  const stops = Promise.all([servers.stop(account, nobody), servers.stop(account, nobody)])
  await assert.rejects(started, { code: 'server.off' })
  held.resolve()
  await stops
  assert.equal(servers.row(account).state, 'off')
  assert.equal(spawner.running.size, 0)
  assert.deepEqual(await store.all(), [])
})

test('a stop that fails leaves it what it was: one that runs, or one that failed', async (t) => {
  const { spawner, hub } = await parts(t)
  const servers = hub()
  await servers.ensure(account, nobody)
  spawner.unreachable = true
  await assert.rejects(servers.stop(account, nobody), { code: 'host.unreachable' })
  assert.partialDeepStrictEqual(servers.row(account), { state: 'on', code: 'host.unreachable' })
  spawner.unreachable = false
  await servers.stop(account, nobody)

  spawner.launch = async () => {
    spawner.unreachable = true
    throw new SeneschalError('agent.failed')
  }
  await assert.rejects(servers.ensure(account, nobody), { code: 'agent.failed' })
  await assert.rejects(servers.stop(account, nobody), { code: 'host.unreachable' })
  assert.partialDeepStrictEqual(servers.row(account), { state: 'failed', code: 'host.unreachable' })
})

test('a server that is stopped stays stopped, though somebody watches', async (t) => {
  const { spawner, events, hub } = await parts(t)
  const servers = hub({ pollMs: 10 })
  await servers.ensure(account, nobody)
  const leave = servers.watch(account)
  await servers.stop(account, nobody)
  await new Promise((resolve) => setTimeout(resolve, 60))
  assert.equal(servers.row(account).state, 'off')
  assert.deepEqual(events(), ['server.intended', 'server.spawned', 'server.stopped'])
  assert.equal(spawner.starts.length, 1)
  leave()
})

test('asking about accounts that were never started makes nothing', async (t) => {
  const { hub } = await parts(t)
  const servers = hub()
  assert.partialDeepStrictEqual(servers.row('nowhere'), { account: 'nowhere', state: 'off' })
  assert.throws(() => servers.audience('nowhere'), { code: 'server.off' })
  await assert.rejects(servers.dial('nowhere'), { code: 'server.off' })
  await servers.stop('nowhere', nobody)
})

test('who tries again while the last try is being ended sees a start, not the old failure', async (t) => {
  const { spawner, hub } = await parts(t)
  const servers = hub()
  const launch = spawner.launch
  spawner.launch = async (progress) => {
    await progress({ text: 'Starting on host.', handle: { instance: 'x' }, host: 'host' })
    throw new SeneschalError('host.key-unknown')
  }
  const stop = spawner.stop
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  Object.assign(spawner, { stop: () => ended })
  await assert.rejects(servers.ensure(account, nobody), { code: 'host.key-unknown' })
  assert.equal(servers.row(account).state, 'failed')
  spawner.launch = launch
  const again = servers.ensure(account, nobody)
  const told: ProgressEvent[] = []
  servers.onProgress(account, (event) => told.push(event))
  assert.deepEqual([servers.row(account).state, told.map(({ state }) => state)], ['starting', ['starting']])
  Object.assign(spawner, { stop })
  end()
  await again
  assert.equal(servers.row(account).state, 'on')
})

test('without a record nothing is started; the server comes by itself once it can be recorded', async (t) => {
  const { spawner, events, hub, record } = await parts(t)
  let isFull = true
  const servers = hub({
    audit: {
      record: (entry) => (isFull ? Promise.reject(new SeneschalError('audit.unwritable')) : record(entry)),
    },
  })
  t.after(servers.watch(account))
  await assert.rejects(servers.ensure(account, nobody), { code: 'audit.unwritable' })
  assert.equal(servers.row(account).code, 'audit.unwritable')
  assert.deepEqual(spawner.starts, [])
  isFull = false
  await until(() => servers.row(account).state === 'on')
  assert.deepEqual(events(), ['server.intended', 'server.spawned'])
})

test('who comes to look just after a start failed has it tried again', async (t) => {
  const { spawner, hub } = await parts(t)
  const servers = hub()
  spawner.unreachable = true
  await assert.rejects(servers.ensure(account, nobody), { code: 'host.unreachable' })
  spawner.unreachable = false
  t.after(servers.watch(account))
  await until(() => servers.row(account).state === 'on', 10_000)
})

test('a start that fails again and again by itself is recorded once', async (t) => {
  const { spawner, events, hub } = await parts(t)
  const servers = hub()
  t.after(servers.watch(account))
  spawner.unreachable = true
  await assert.rejects(servers.ensure(account, nobody), { code: 'host.unreachable' })
  await until(() => spawner.starts.length === 2)
  spawner.unreachable = false
  await until(() => servers.row(account).state === 'on', 10_000)
  assert.deepEqual(events(), ['server.intended', 'server.failed', 'server.spawned'])
})

test('a server that is looked at and falls silent is told of before it counts as hung', async (t) => {
  const { spawner, hub } = await parts(t)
  const servers = hub({ pulseMs: 10 })
  await servers.ensure(account, nobody)
  const leave = servers.watch(account)
  spawner.hang(account)
  await until(() => servers.row(account).code === 'server.timeout')
  leave()
})

test('a server that moves comes up again for who looks, on a host that takes it', async (t) => {
  const { spawner, recorded, hub } = await parts(t)
  const servers = hub()
  await servers.ensure(account, nobody)
  t.after(servers.watch(account))
  const states: string[] = []
  servers.onChange(({ state }) => states.push(state))
  spawner.condemn?.(new Set(['here']))
  await servers.move(account, nobody)
  assert.partialDeepStrictEqual(servers.row(account), { state: 'on', host: 'there' })
  assert.ok(!states.includes('off'), 'nobody is told that it is off')
  assert.equal(spawner.running.size, 1)
  assert.deepEqual(
    recorded.slice(2).map(({ event, person, tail }) => [event, person, tail]),
    [
      ['server.stopped', nobody.person, 'to move it'],
      ['server.intended', undefined, 'its server again'],
      ['server.spawned', undefined, 'its server again'],
    ],
  )
})

test('one that nobody looks at ends when it moves, and starts elsewhere when somebody does', async (t) => {
  const { spawner, hub } = await parts(t)
  const servers = hub()
  await servers.ensure(account, nobody)
  spawner.condemn?.(new Set(['here']))
  await servers.move(account, nobody)
  assert.equal(servers.row(account).state, 'off')
  assert.equal(spawner.running.size, 0)
  await servers.ensure(account, nobody)
  assert.equal(servers.row(account).host, 'there')
})

test('one that finds no other host says so, and is tried again for who looks', async (t) => {
  const { spawner, hub } = await parts(t)
  const servers = hub()
  await servers.ensure(account, nobody)
  t.after(servers.watch(account))
  spawner.condemn?.(new Set(['here', 'there']))
  await assert.rejects(servers.move(account, nobody), { code: 'host.condemned' })
  assert.partialDeepStrictEqual(servers.row(account), { state: 'failed', code: 'host.condemned' })
  spawner.condemn?.(new Set())
  await until(() => servers.row(account).state === 'on', 10_000)
})

test('a server of another version is told of while somebody looks, and replaced when nobody does', async (t) => {
  const { spawner, recorded, hub } = await parts(t)
  let now = Date.now()
  const servers = hub({ pollMs: 10, now: () => now })
  await servers.ensure(account, nobody)
  const leave = servers.watch(account)
  spawner.version = '0.0.9'
  await until(() => servers.row(account).version === '0.0.9')
  const polls = spawner.polls.length
  await until(() => spawner.polls.length > polls + 3)
  assert.partialDeepStrictEqual(servers.row(account), { state: 'on', code: null, version: '0.0.9' })
  assert.equal(spawner.starts.length, 1)
  leave()
  now += 20_000
  await until(() => servers.row(account).state === 'off')
  assert.equal(spawner.running.size, 0)
  assert.partialDeepStrictEqual(recorded.at(-1), {
    event: 'server.stopped',
    tail: 'as it was of version 0.0.9',
  })
  spawner.version = productVersion
  await servers.ensure(account, nobody)
  const more = spawner.polls.length
  await until(() => spawner.polls.length > more + 3)
  assert.partialDeepStrictEqual(servers.row(account), { state: 'on', version: null })
})
