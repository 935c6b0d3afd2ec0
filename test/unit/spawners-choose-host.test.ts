import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StatsAnswer } from '../../protocol/agent.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { createHostChooser, type Measure } from '../../spawners/choose-host.ts'

const never = new AbortController().signal
const GiB = 2 ** 30
const stats = (load: number, more: Partial<StatsAnswer> = {}): StatsAnswer => ({
  load: [load, load, load],
  cores: 4,
  memory: { total: 16 * GiB, available: 8 * GiB },
  sessions: 0,
  ...more,
})
const named = (...names: string[]) => names.map((name) => ({ name }))
const measuring =
  (loads: Readonly<Record<string, number | StatsAnswer>>): Measure =>
  async (host) => {
    const value = loads[host]
    if (value === undefined) throw new SeneschalError('host.unreachable', host)
    return typeof value === 'number' ? stats(value) : value
  }

test('the least loaded host takes the server', async () => {
  const chooser = createHostChooser({ hosts: named('a', 'b', 'c'), now: () => 0 })
  assert.equal(await chooser.choose('clouds', measuring({ a: 2, b: 0.5, c: 1 }), never), 'b')
})

test('a hundred servers at once spread evenly over four hosts, whatever the load said', async () => {
  const chooser = createHostChooser({ hosts: named('a', 'b', 'c', 'd'), now: () => 0 })
  const measure = measuring({ a: 0.1, b: 0.2, c: 0.9, d: 1.7 })
  const chosen = await Promise.all(
    Array.from({ length: 100 }, () => chooser.choose('clouds', measure, never)),
  )
  for (const host of ['a', 'b', 'c', 'd']) assert.equal(chosen.filter((name) => name === host).length, 25)
})

test('a host with twice the cores takes twice as many', async () => {
  const chooser = createHostChooser({ hosts: named('small', 'big'), now: () => 0 })
  const measure = measuring({ small: stats(0), big: stats(0, { cores: 8 }) })
  const chosen = await Promise.all(Array.from({ length: 30 }, () => chooser.choose('clouds', measure, never)))
  assert.equal(chosen.filter((name) => name === 'big').length, 20)
})

test('a placement is forgotten once the load shows it', async () => {
  let now = 0
  const chooser = createHostChooser({ hosts: named('a', 'b'), now: () => now })
  const measure = measuring({ a: 0.1, b: 0.2 })
  assert.equal(await chooser.choose('clouds', measure, never), 'a')
  assert.equal(await chooser.choose('clouds', measure, never), 'b')
  now += 61_000
  assert.equal(await chooser.choose('clouds', measure, never), 'a')
})

test('a crowded host takes servers only when all are', async () => {
  const hosts = named('full', 'free')
  const full = stats(0, { memory: { total: 16 * GiB, available: 0.1 * GiB } })
  const chooser = createHostChooser({ hosts, now: () => 0 })
  const measure = measuring({ full, free: 3 })
  for (let count = 0; count < 5; count += 1)
    assert.equal(await chooser.choose('clouds', measure, never), 'free')
})

test('a condemned host is not even asked', async () => {
  const asked: string[] = []
  const hosts = [{ name: 'a', condemned: true }, { name: 'b' }, { name: 'c' }]
  const chooser = createHostChooser({ hosts, now: () => 0 })
  const measure: Measure = async (host) => {
    asked.push(host)
    return stats(host === 'b' ? 1 : 2)
  }
  assert.equal(await chooser.choose('clouds', measure, never), 'b')
  assert.deepEqual(asked.toSorted(), ['b', 'c'])
  const none = createHostChooser({ hosts: [{ name: 'a', condemned: true }], now: () => 0 })
  await assert.rejects(none.choose('clouds', measure, never), { code: 'host.condemned' })
})

test('a host that never answers costs the bound once, and is asked again after a minute', async () => {
  let now = 0
  let asked = 0
  const chooser = createHostChooser({
    hosts: named('hole', 'good', 'fine'),
    now: () => now,
    bound: 40,
    freshFor: 0,
  })
  const measure: Measure = (host) => {
    if (host !== 'hole') return Promise.resolve(stats(1))
    asked += 1
    // Heeds no signal, as a silent name server does.
    return new Promise(() => undefined)
  }
  const begun = performance.now()
  await chooser.choose('clouds', measure, never)
  assert.ok(performance.now() - begun >= 35)
  const again = performance.now()
  for (let count = 0; count < 5; count += 1) await chooser.choose('clouds', measure, never)
  assert.ok(performance.now() - again < 30)
  assert.equal(asked, 1)
  now += 61_000
  await chooser.choose('clouds', measure, never)
  assert.equal(asked, 2)
})

test('a refused key of one account does not take the host from the others', async () => {
  const chooser = createHostChooser({ hosts: named('a', 'b'), now: () => 0 })
  const refused: Measure = async () => {
    throw new SeneschalError('ssh.auth-failed', 'clouds@a')
  }
  await assert.rejects(chooser.choose('clouds', refused, never), { code: 'ssh.auth-failed' })
  assert.equal(await chooser.choose('clouds', measuring({ a: 0, b: 1 }), never), 'a')
})

test('a hundred accounts at once take three measurements of each host', async () => {
  let asked = 0
  const chooser = createHostChooser({ hosts: named('a', 'b'), now: () => 0 })
  const measure: Measure = async () => {
    asked += 1
    await new Promise(setImmediate)
    return stats(0)
  }
  const accounts = Array.from({ length: 100 }, (_, index) => `clouds${index}`)
  await Promise.all(accounts.map((account) => chooser.choose(account, measure, never)))
  assert.equal(asked, 6)
  assert.deepEqual(
    chooser.hosts().map(({ host, measured }) => [host, measured?.cores]),
    [
      ['a', 4],
      ['b', 4],
    ],
  )
})

test('one account that is placed several times at once asks once', async () => {
  let asked = 0
  const chooser = createHostChooser({ hosts: named('a', 'b'), now: () => 0 })
  const measure: Measure = async () => {
    asked += 1
    await new Promise(setImmediate)
    return stats(0)
  }
  await Promise.all(Array.from({ length: 5 }, () => chooser.choose('clouds', measure, never)))
  await chooser.choose('clouds', measure, never)
  assert.equal(asked, 2)
})

test('where no host answers, the reason names each', async () => {
  const chooser = createHostChooser({ hosts: named('a', 'b'), now: () => 0 })
  await assert.rejects(chooser.choose('clouds', measuring({}), never), {
    code: 'host.unreachable',
    message: /a.*b/,
  })
})

test('hosts are measured again as those who are known there, and a silent one is said to be down', async () => {
  let now = 0
  const chooser = createHostChooser({ hosts: named('a', 'b', 'c'), now: () => now, bound: 40 })
  const asked: string[] = []
  const measureAs =
    (account: string): Measure =>
    async (host) => {
      asked.push(`${account}@${host}`)
      return host === 'b' ? await new Promise(() => undefined) : stats(now / 1000)
    }
  const servers: Readonly<Record<string, readonly string[]>> = { a: ['w', 'x', 'y', 'z'], b: ['x'] }
  const sample = () => chooser.sample((host) => servers[host] ?? [], measureAs, never)
  await sample()
  assert.deepEqual(asked, ['w@a', 'x@a', 'y@a', 'x@b'])
  now = 30_000
  await sample()
  const [a, b, c] = chooser.hosts()
  assert.partialDeepStrictEqual(a, { downUntil: null, measured: { load: [30, 30, 30], at: 30_000 } })
  assert.partialDeepStrictEqual(b, { downUntil: 90_000, measured: null })
  assert.partialDeepStrictEqual(c, { downUntil: null, measured: null })
})

/** Lets everybody in, and does not say how busy it is. */
const slow: Measure = (_host, signal, reached) => {
  reached()
  return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}

test('hosts that are too busy to say how busy they are take servers in turn', async () => {
  const chooser = createHostChooser({ hosts: named('a', 'b'), now: () => 0, bound: 20 })
  const chosen = []
  for (let count = 0; count < 4; count += 1) chosen.push(await chooser.choose(`clouds${count}`, slow, never))
  assert.equal(chosen.filter((name) => name === 'a').length, 2)
  assert.equal(
    chooser.hosts().every(({ downUntil }) => downUntil === null),
    true,
  )
})

test('where the site has a rule about load, nobody is placed without knowing it', async () => {
  const chooser = createHostChooser({
    ...{ hosts: named('a', 'b'), now: () => 0, bound: 20 },
    placement: { filter: () => true },
  })
  await assert.rejects(chooser.choose('clouds', slow, never), {
    code: 'agent.failed',
    message: /no load within/,
  })
})
