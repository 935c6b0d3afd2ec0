/** What must hold of a site when the dust has settled, read from its files and not from its own words. */
import assert from 'node:assert/strict'
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readChain, verifyChain } from '../../durable/chain-verify.ts'
import { openIntents } from '../../hub/open-intents.ts'
import { feedLine } from '../../protocol/feed.ts'
import { type JobRow, jobRow } from '../../protocol/rows.ts'
import type { Receipt } from './kill-people.ts'
import type { KillSite } from './kill-site.ts'

const feeds = (site: KillSite): readonly string[] =>
  readdirSync(join(site.layout.site, 'feed'))
    .filter((name) => name !== 'public')
    .map((name) => join(site.layout.site, 'feed', name))

export const epochsOf = (site: KillSite): Readonly<Record<string, string>> =>
  Object.fromEntries(feeds(site).map((dir) => [dir, readFileSync(join(dir, 'epoch.json'), 'utf8')]))

/** Every line of every feed, in order; half a line at the end is not one. */
const linesOf = (dir: string) =>
  globSync(join(dir, 'events-*.ndjson'))
    .sort()
    .flatMap((file) => readFileSync(file, 'utf8').split('\n').slice(0, -1))
    .map((line) => feedLine.parse(JSON.parse(line)))

/** Numbered from one without a gap, and never numbered anew. */
export const feedsMustBeWhole = (site: KillSite, epochs: Readonly<Record<string, string>>): number => {
  let count = 0
  for (const dir of feeds(site)) {
    let last = 0
    let journal = 0
    for (const line of linesOf(dir)) {
      assert.equal(line.seq, last + 1, `${dir}: no line is missing or doubled`)
      assert.ok(line.journal >= journal, `${dir}: line ${line.seq} follows the journal`)
      last = line.seq
      journal = line.journal
      count += 1
    }
    assert.ok(last > 0, `${dir} has lines`)
  }
  assert.deepEqual(epochsOf(site), epochs, 'no feed was numbered anew')
  return count
}

/** The last row of each job that any feed told of. */
export const jobsOf = (site: KillSite, account: string): ReadonlyMap<string, JobRow> => {
  const jobs = new Map<string, JobRow>()
  for (const { put } of linesOf(join(site.layout.site, 'feed', account)))
    for (const { kind, key, row } of put) if (kind === 'job') jobs.set(key, jobRow.parse(row))
  return jobs
}

const linesWritten = (path: string): readonly string[] =>
  globSync(path).flatMap((file) => readFileSync(file, 'utf8').split('\n').filter(Boolean))

const tally = (names: readonly string[]): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

/**
 * Each job wrote its name as it began and as it ended: every one that the daemon told of began once and ended once, as
 * it is told, and none ran that it does not know.
 */
export const jobsMustHaveRunOnce = (site: KillSite, account: string): number => {
  const share = join(site.home(account), 'seneschal-run/*/share')
  const begun = tally(linesWritten(join(share, 'begun')))
  const ended = tally(linesWritten(join(share, 'ended')))
  const jobs = jobsOf(site, account)
  for (const [key, row] of jobs) {
    assert.equal(begun.get(key), 1, `${key} (${row.state}) began once`)
    assert.equal(ended.get(key), 1, `${key} (${row.state}) ended once`)
    assert.equal(row.state, 'succeeded', `${key} is found again as it ended: ${JSON.stringify(row)}`)
  }
  for (const key of begun.keys()) assert.ok(jobs.has(key), `${key} ran, and is known`)
  return jobs.size
}

/** Chains are whole, with every head that was seen on the way; each receipt has one outcome in the daemon's own. */
export const auditMustBeWhole = async (
  site: KillSite,
  receipts: readonly Receipt[],
  heads: readonly string[],
): Promise<{ readonly records: number; readonly refused: number; readonly open: readonly string[] }> => {
  const dirs = { hub: join(site.layout.hub, 'audit'), daemon: join(site.layout.site, 'audit') }
  const anchors = heads.map((head) => ({ writer: 'daemon/main', head }))
  const hub = await verifyChain(dirs.hub)
  const daemon = await verifyChain(dirs.daemon, { anchors })
  assert.deepEqual(
    [...hub.chains, ...daemon.chains].flatMap(({ bad }) => bad ?? []),
    [],
  )
  const outcomes = new Map<string, number>()
  let refused = 0
  for await (const { event, request } of readChain(dirs.daemon))
    if (event === 'request.file-refused') refused += 1
    else if ((event === 'action.done' || event === 'action.not-done') && request !== null)
      outcomes.set(request, (outcomes.get(request) ?? 0) + 1)
  for (const { id, ask } of receipts)
    assert.equal(outcomes.get(id), 1, `${id} (${ask.action}) was accepted and has one outcome`)
  for (const [id, count] of outcomes) assert.equal(count, 1, `${id} has one outcome`)
  const intended = new Set<string>()
  for await (const { event, request } of readChain(dirs.hub))
    if (event === 'action.intended' && request !== null) intended.add(request)
  for (const id of outcomes.keys()) assert.ok(intended.has(id), `${id} was intended before it was done`)
  const open = await openIntents([dirs.hub, dirs.daemon])
  return {
    records: [...hub.chains, ...daemon.chains].reduce((sum, { records }) => sum + records, 0),
    refused,
    open: (open ?? []).map(({ sentence }) => sentence),
  }
}
