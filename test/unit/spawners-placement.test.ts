/** A site's own rules for where servers go: what is refused when they are loaded, and what they make of hosts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StatsAnswer } from '../../protocol/agent.ts'
import { createHostChooser, type Measure } from '../../spawners/choose-host.ts'
import { createPlacement, type PlacementOptions, placementOptions } from '../../spawners/placement.ts'

const never = new AbortController().signal
const GiB = 2 ** 30
const stats = (more: Partial<StatsAnswer> = {}): StatsAnswer => ({
  load: [0, 0, 0],
  cores: 4,
  memory: { total: 16 * GiB, available: 8 * GiB },
  sessions: 0,
  ...more,
})

const complaint = (options: Record<string, unknown>): string | undefined => {
  const parsed = placementOptions.safeParse(options)
  return parsed.success ? undefined : parsed.error.issues[0]?.message
}

test('what is no rule is refused when it is read, with where and why', () => {
  const table: readonly (readonly [PlacementOptions, RegExp])[] = [
    [{ rank: 'load1 +' }, /^column 8: /],
    [{ rank: 'laod1 + 1' }, /^column 1: .*laod1/],
    [{ rank: 'load1 > 1' }, /^must come to double or int, and not to bool$/],
    [{ filter: 'memoryAvailable' }, /^must come to bool, and not to double$/],
    [{ filter: 'memoryAvailable > "2 GiB"' }, /^column 1: .*double > string/],
    [{ where: 'load1 < 2' }, /load1/],
    [{ where: 'account.startsWith(1)' }, /startsWith/],
    [{ where: 'host in label' }, /label/],
    [{ where: '' }, /./],
    [{ where: 'true || '.repeat(400) }, /./],
    [{ where: `${'('.repeat(60)}true${')'.repeat(60)}` }, /./],
    [{ where: `${'true || '.repeat(240)}true` }, /./],
  ]
  for (const [options, pattern] of table)
    assert.match(complaint(options) ?? 'taken', pattern, JSON.stringify(options))
  assert.notEqual(complaint({ order: 'load1' }), undefined)
})

type Hosts = Readonly<Record<string, StatsAnswer>>
const site = (
  options: PlacementOptions,
  hosts: Hosts,
  more: { labels?: Readonly<Record<string, readonly string[]>>; random?: () => number } = {},
) => {
  assert.equal(complaint(options), undefined)
  const asked: string[] = []
  const problems: string[] = []
  const chooser = createHostChooser({
    hosts: Object.keys(hosts).map((name) => ({ name, labels: more.labels?.[name] })),
    placement: createPlacement(options, (kind, host, error) => {
      problems.push(`${kind} ${host}: ${error instanceof Error ? error.message : String(error)}`)
    }),
    now: () => 0,
    ...(more.random === undefined ? {} : { random: more.random }),
  })
  const measure: Measure = async (host) => {
    asked.push(host)
    return hosts[host] ?? assert.fail(host)
  }
  return { asked, problems, choose: (account: string) => chooser.choose(account, measure, never) }
}

test('an account goes where it belongs, and no other host is asked', async () => {
  const where = 'account.startsWith("ocean") ? "sea" in labels : !("sea" in labels)'
  const labels = { b: ['sea'], c: ['sea', 'big'] }
  const fleet = site({ where }, { a: stats(), b: stats({ load: [3, 3, 3] }), c: stats() }, { labels })
  assert.equal(await fleet.choose('oceans_stage'), 'c')
  assert.deepEqual(fleet.asked.toSorted(), ['b', 'c'])
  assert.equal(await fleet.choose('clouds'), 'a', 'the only one is not even measured')
  assert.deepEqual(fleet.asked.toSorted(), ['b', 'c'])
})

test('an account that belongs nowhere is told so', async () => {
  const fleet = site({ where: '"sea" in labels' }, { a: stats(), b: stats() })
  await assert.rejects(fleet.choose('clouds'), { code: 'host.none-fits', message: /clouds/ })
})

test('a host that the rules find full takes nothing, be it the only one', async () => {
  const full = stats({ memory: { total: 16 * GiB, available: 1.5 * GiB } })
  const options = { filter: 'memoryAvailable >= 2 * GiB && sessions + placed < 3' }
  const fleet = site(options, { full, free: stats({ load: [9, 9, 9] }) })
  for (let count = 0; count < 3; count += 1) assert.equal(await fleet.choose(`clouds${count}`), 'free')
  await assert.rejects(fleet.choose('clouds3'), { code: 'host.none-fits', message: /full, free/ })
  await assert.rejects(site(options, { full }).choose('clouds'), { code: 'host.none-fits' })
})

test('the lowest rank takes the server; equals share them', async () => {
  const rank = 'sessions / 2 + (account == "clouds" && host == "a" ? -10 : 0)'
  const hosts = { a: stats({ sessions: 9 }), b: stats({ sessions: 4 }), c: stats({ sessions: 4 }) }
  const fleet = site({ rank }, hosts)
  assert.equal(await fleet.choose('clouds'), 'a')
  const chosen = await Promise.all(Array.from({ length: 10 }, () => fleet.choose('oceans')))
  assert.equal(chosen.filter((name) => name === 'b').length, 5)
  assert.equal(chosen.filter((name) => name === 'c').length, 5)
})

test('between equals without any placement, chance decides', async () => {
  const draws = [0.9, 0.1, 0.5]
  const random = () => draws.shift() ?? assert.fail('drawn too often')
  const fleet = site({}, { a: stats(), b: stats(), c: stats() }, { random })
  assert.equal(await fleet.choose('clouds'), 'b')
})

test('a rank without an answer comes last, a filter or a place without one is a no, and it is said', async () => {
  // A list's element that is not there is nothing that types could tell.
  const labels = { b: ['5'] }
  const ranked = site({ rank: 'int(labels[0])' }, { a: stats(), b: stats() }, { labels })
  assert.equal(await ranked.choose('clouds'), 'b')
  assert.equal(ranked.problems.length, 1)
  assert.match(ranked.problems[0] ?? '', /^rank a: /)

  const nobody = site({ rank: '1.0 / (load1 - load1)' }, { a: stats(), b: stats() })
  const chosen = await Promise.all(Array.from({ length: 4 }, () => nobody.choose('clouds')))
  assert.deepEqual(chosen.toSorted(), ['a', 'a', 'b', 'b'], 'rules that never answer still spread')

  const filtered = site({ filter: 'labels[0] == "5"' }, { a: stats(), b: stats() }, { labels })
  assert.equal(await filtered.choose('clouds'), 'b')
  const placed = site({ where: 'labels[0] == "6"' }, { a: stats(), b: stats() }, { labels })
  await assert.rejects(placed.choose('clouds'), { code: 'host.none-fits' })
  assert.match(placed.problems[0] ?? '', /^where a: /)
})

test('an account’s name is a value in a rule and never part of it', async () => {
  const fleet = site({ where: 'account == "clouds"' }, { a: stats() })
  for (const name of ['x" || true || "', '" == "" || "clouds', 'account'])
    await assert.rejects(fleet.choose(name), { code: 'host.none-fits' }, name)
})
