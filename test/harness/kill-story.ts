/** From a site at work through what befalls it to the last look at its files. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { auditMustBeWhole, epochsOf, feedsMustBeWhole, jobsMustHaveRunOnce, jobsOf } from './kill-checks.ts'
import { definitions, type Load, siteFile, startLoad } from './kill-load.ts'
import { orders, stopAndStart } from './kill-orders.ts'
import { type Chance, createChance, seedOf, shuffled } from './kill-random.ts'
import { createKiller, type Rounds } from './kill-rounds.ts'
import { account, type KillSite, startKillSite } from './kill-site.ts'
import { mustSeeTheSame } from './kill-sockets.ts'

const restartAfterMs = 400
/** One thing asked for in so many ms. */
const askEveryMs = 500

const summaryOf = (rounds: Rounds): string => {
  const { kills, killed } = rounds
  const pairs = kills.filter(({ name }) => name.includes('+'))
  const slowest = kills.toSorted((a, b) => b.toLive - a.toLive)[0]
  const longest = kills.toSorted((a, b) => b.outage - a.outage)[0]
  return [
    `kills: ${[...killed].map(([part, count]) => `${part} ${count}`).join(', ')}`,
    `pairs: ${pairs.length}; torn lines: ${rounds.torn()}`,
    `longest time to live: ${slowest?.toLive} ms (${slowest?.name}); longest outage: ${longest?.outage} ms (${longest?.name})`,
  ].join('\n')
}

/** The daemon's own word for where its chain is, to be found in it later. */
const headOf = (site: KillSite): string =>
  (JSON.parse(readFileSync(join(site.layout.site, 'feed/site/heartbeat.json'), 'utf8')) as { audit: string })
    .audit

/** For whoever has to find out what went wrong: the site and its logs are gone by then. */
const logsOf = (site: KillSite): string =>
  ['daemon', 'hub']
    .map((part) => readFileSync(join(site.layout.logs, `${part}.log`), 'utf8').slice(-20_000))
    .join('\n')

export type Ordeal = (
  site: KillSite,
  load: Load,
  chance: Chance,
  /** Between two blows, with a line for whoever waits. */
  say: (line: string) => void,
) => Promise<{ readonly faults: readonly string[]; readonly told: string; readonly receipts: number }>

/** Every promise of a site, kept through an ordeal. */
export const endure = async (t: TestContext, ordeal: Ordeal): Promise<void> => {
  const seed = seedOf(process.env)
  t.diagnostic(`SENESCHAL_KILL_SEED=${seed}`)
  const chance = createChance(seed)
  const site = await startKillSite({ definitions, siteFile, restartAfterMs })
  let endLoad = (): void => undefined
  let from = performance.now()
  /** How long what came since the last time took. */
  const took = (): string => {
    const before = from
    from = performance.now()
    return `${Math.round((from - before) / 100) / 10} s`
  }
  try {
    const load = await startLoad(site, chance, askEveryMs)
    endLoad = load.close
    const epochs = epochsOf(site)
    t.diagnostic(`under load after ${took()}`)
    const heads = [headOf(site)]
    const done = await ordeal(site, load, chance, (line) => {
      heads.push(headOf(site))
      process.stdout.write(`${line}\n`)
    })
    t.diagnostic(`${done.told}; ${took()} in all`)

    await load.asking.finish(60_000)
    const { receipts } = load.asking
    const sockets = load.followers.flatMap((each) => each.faults())
    const faults = [...done.faults, ...load.asking.faults(), ...sockets, ...site.ownEnds()]
    if (faults.length > 0) t.diagnostic(logsOf(site))
    assert.deepEqual(faults, [])
    assert.ok(receipts.length > done.receipts, `people were busy: ${receipts.length} receipts`)
    await load.settle()
    for (const follower of load.followers) await mustSeeTheSame(site, load.raised, follower)
    load.close()
    const counts = load.followers.map((each) => JSON.stringify(each.counts()))
    t.diagnostic(
      `${receipts.length} receipts, ${load.asking.failures()} failed tries; sockets: ${counts.join(' ')}`,
    )

    t.diagnostic(`at rest after ${took()}`)

    await site.stop('daemon')
    await site.stop('hub')
    t.diagnostic(`${feedsMustBeWhole(site, epochs)} lines of feeds`)
    const jobs = [account(0), account(1)].map((name) => jobsMustHaveRunOnce(site, name))
    t.diagnostic(`${jobs.join(' + ')} jobs`)
    answersMustHaveRun(site, load)
    const audit = await auditMustBeWhole(site, receipts, heads)
    t.diagnostic(`${audit.records} audit records; intents without outcome: ${audit.open.length}`)
    assert.equal(audit.refused, load.litter(), 'each file that is no request is told once')
    assert.ok(audit.open.length <= load.asking.failures(), 'only tries that failed are without outcome')
  } finally {
    endLoad()
    await site.close()
  }
}

/** What was done for somebody is there. */
const answersMustHaveRun = (site: KillSite, { asking }: Load): void => {
  const answers = new Set(jobsOf(site, account(0)).keys())
  for (const { id, ask } of asking.receipts)
    if (ask.action === 'trigger' && asking.outcomes.get(id)?.state === 'done')
      assert.ok(answers.has(`asked//${String(ask.body.cycle)}/answer/01`), `what ${id} asked for ran`)
}

export const surviveKills = (
  t: TestContext,
  settings: { readonly kills: number; readonly pauseMs: number },
): Promise<void> =>
  endure(t, async (site, load, chance, say) => {
    const rounds = await createKiller(site, load, chance).run(settings.kills, settings.pauseMs, say)
    return { faults: rounds.faults, told: summaryOf(rounds), receipts: settings.kills }
  })

/** Every order of stopping, each with another order of starting; `count` of them. */
export const surviveOrders = (t: TestContext, count: number): Promise<void> =>
  endure(t, async (site, load, chance, say) => {
    const faults: string[] = []
    const starts = shuffled(orders, chance)
    for (const [index, stops] of shuffled(orders, chance).slice(0, count).entries()) {
      const order = { stops, starts: starts[index] ?? stops }
      const told = `stopped ${stops.join(', ')}; started ${order.starts.join(', ')}`
      const found = await stopAndStart(site, load, order)
      faults.push(...found.faults.map((fault) => `${told}: ${fault}`))
      say(`${index + 1}/${count} ${told}: live after ${found.toLive} ms`)
    }
    return { faults, told: `${count} orders`, receipts: count }
  })
